import { Types } from "mongoose";

/** `_id` of a row: an ObjectId, or a text in databases whose ids came from an own generator (UUID, say). */
export type Id = Types.ObjectId | string;

const OBJECT_ID = /^[0-9a-f]{24}$/i;
const TEXT_ID = /^[\w-]{1,128}$/;

/** A new id for a row. */
export function createId(): Types.ObjectId {
  return new Types.ObjectId();
}

/**
 * Reads an id that came from outside.
 *
 * @returns an ObjectId for 24 hex digits, the text itself for letters, digits, `_` and `-` (1 to 128), else null
 */
export function parseId(text: string): Id | null {
  if (OBJECT_ID.test(text)) return Types.ObjectId.createFromHexString(text.toLowerCase());
  return TEXT_ID.test(text) ? text : null;
}

/** The outside form of an id: 24 lower-case hex digits, or the text. */
export function formatId(id: Id): string {
  return typeof id === "string" ? id : id.toHexString();
}

/** Every form in which a reference to this row may be stored: older rows hold the text of an ObjectId. */
export function referenceForms(id: Id): Id[] {
  const text = formatId(id);
  const parsed = parseId(text);
  return parsed === null || parsed === text ? [id] : [parsed, text];
}
