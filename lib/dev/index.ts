/** Things for development and tests; nothing of the library itself imports them. */
export {
  resolveMongod,
  type MongodBinary,
  type MongodSource,
  type ResolveMongodOptions,
} from "./find-mongod.ts";
export { devInbox, type DevInbox, type InboxMail } from "./inbox.ts";
export {
  startEmbeddedMongo,
  startMongo,
  type EmbeddedMongo,
  type MongoServer,
  type StartMongoOptions,
} from "./start-mongo.ts";
