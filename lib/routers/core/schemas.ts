import { z } from "zod";
import { parseURL } from "../../parse-url.ts";
import type { SessionView, UserView } from "../../views.ts";

/** Address characters before the last "@": letters, digits and `_ ' + - .`, no dot first, last or doubled. */
const LOCAL_PART = /^[A-Za-z0-9_'+-]+(?:\.[A-Za-z0-9_'+-]+)*$/;
/** At least two labels of letters, digits and inner hyphens, the last one of letters. */
const DOMAIN = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$/;
const MAX_EMAIL_LENGTH = 254;
const MAX_LOCAL_LENGTH = 64;

/** E-mail address, lower-cased; ASCII, nothing trimmed (docs/protocol.md §8). */
export const emailAddress = z
  .string()
  .refine(isEmailAddress, { error: "Invalid email address" })
  .toLowerCase();

/** Whether a text, in any letter case, is an address that sign-up takes. */
export function isEmailAddress(text: string): boolean {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  if (at < 1 || text.length > MAX_EMAIL_LENGTH || local.length > MAX_LOCAL_LENGTH) return false;
  return LOCAL_PART.test(local) && DOMAIN.test(text.slice(at + 1));
}

/** A boolean; the texts "true" and "false" stand for it (forms, and clients that type it as string). */
export const flag = z.union([
  z.boolean(),
  z.enum(["true", "false"]).transform((text) => text === "true"),
]);

const MAX_NAME_LENGTH = 256;
const MAX_IMAGE_LENGTH = 20_000;
const DATA_IMAGE = /^data:image\/(?:png|jpeg|gif|webp|avif)[;,]/i;

/** Name of a person as they write it; may be empty. */
export const personName = z.string().max(MAX_NAME_LENGTH);

/** Address of a picture: a relative path, `http(s):`, or `data:image/` of png, jpeg, gif, webp or avif. */
export const imageAddress = z
  .string()
  .max(MAX_IMAGE_LENGTH)
  .refine(isImageAddress, { error: "Must be a path, an http(s) URL or a data:image URL" });

function isImageAddress(text: string): boolean {
  // The URL parser drops these, or reads them as something else.
  if (/[\u0000-\u001f\u007f\\]|^ | $/.test(text)) return false;
  if (DATA_IMAGE.test(text)) return true;
  if (/^https?:\/\//i.test(text)) return parseURL(text) !== null;
  return !/^[a-z][a-z0-9+.-]*:/i.test(text) && !text.startsWith("//");
}

/** Where the browser goes afterwards; `run.ts` has checked it. */
export const returnAddress = z.string();

/** A user in an answer. Which fields it has is decided by `views.user`, the only maker. */
export const publicUser = z.custom<UserView>(isRecord);

/** A session in an answer. Which fields it has is decided by `views.session`, the only maker. */
export const publicSession = z.custom<SessionView>(isRecord);

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && "id" in value;
}

/** Fields of every sign-in with a password. */
export const passwordSignInFields = {
  password: z.string(),
  callbackURL: returnAddress.optional(),
  rememberMe: flag.optional(),
  dontRememberMe: flag.optional().describe("The opposite of rememberMe, which wins"),
};

/** Answer of every sign-in with a password. */
export const signedIn = z.object({
  redirect: z.boolean(),
  token: z.string(),
  url: z.string().nullable(),
  user: publicUser,
});

/** Answer of endpoints that only say that it is done. */
export const done = z.object({ status: z.literal(true) });
