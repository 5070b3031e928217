import mongoose from "mongoose";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, type TestApp, type TestAppSettings } from "./app.ts";
import { freshDatabase } from "./mongo.ts";

/** A test app whose commands to the database can be counted. */
export interface MonitoredApp extends TestApp {
  /** The commands that the instance sends while this runs, e.g. `["aggregate"]`. */
  readonly commandsOf: (work: () => PromiseLike<unknown>) => Promise<string[]>;
  /** Resolves when the instance sends the next command of this name. */
  readonly nextCommand: (name: string) => Promise<void>;
}

/** As `startApp`, on a connection of the app's own whose commands are watched. */
export async function startMonitoredApp(
  options: AuthOptions = {},
  settings: TestAppSettings = {},
): Promise<MonitoredApp> {
  const uri = await freshDatabase();
  const connection = mongoose.createConnection(uri, { monitorCommands: true });
  await connection.asPromise();
  const t = await startApp({ ...options, database: connection }, settings);
  await t.auth.ready();
  const client = connection.getClient();

  async function commandsOf(work: () => PromiseLike<unknown>): Promise<string[]> {
    const names: string[] = [];
    const note = ({ commandName }: { readonly commandName: string }) => names.push(commandName);
    client.on("commandStarted", note);
    try {
      await work();
    } finally {
      client.off("commandStarted", note);
    }
    return names;
  }

  function nextCommand(name: string): Promise<void> {
    return new Promise((resolve) => {
      const note = ({ commandName }: { readonly commandName: string }) => {
        if (commandName !== name) return;
        client.off("commandStarted", note);
        resolve();
      };
      client.on("commandStarted", note);
    });
  }

  async function stop(): Promise<void> {
    await connection.dropDatabase();
    await t.stop();
    await connection.close();
  }

  return { ...t, database: connection, commandsOf, nextCommand, stop };
}
