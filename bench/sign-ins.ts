import type { LoadRequest } from "autocannon";
import { BASE_URL, emailOf, PASSWORD, USERS_WITH_PASSWORD } from "./data.ts";
import type { ServerProcess } from "./processes.ts";

/** A route of the app that needs a session. */
export const PROTECTED_PATH = "/protected";

/** Signs the users in turn in, those who have a password. */
export function signInRequest(n: number) {
  const email = emailOf(n % USERS_WITH_PASSWORD);
  return post("/auth/sign-in/email", { email, password: PASSWORD });
}

let signUps = 0;

/** Signs up a user who was not there before. */
export function signUpRequest() {
  signUps += 1;
  const email = `load-${signUps}@example.com`;
  return post("/auth/sign-up/email", { name: "New", email, password: PASSWORD });
}

/** @returns microseconds of the server's processor time */
export async function oneSignIn(server: ServerProcess): Promise<number> {
  const before = await server.usage();
  const { path, ...request } = signInRequest(0);
  const response = await fetch(server.url + path, request);
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`sign-in: ${response.status}`);
  return (await server.usage()).cpuMicros - before.cpuMicros;
}

function post(path: string, body: object) {
  return {
    method: "POST",
    path,
    headers: { "content-type": "application/json", origin: BASE_URL },
    body: JSON.stringify(body),
  } as const satisfies LoadRequest;
}
