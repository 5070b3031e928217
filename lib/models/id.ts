import { Types } from "mongoose";

/** `_id` of a row: an ObjectId; a UUID or a text in databases whose ids came from another generator. */
export type Id = Types.ObjectId | Types.UUID | string;

const OBJECT_ID = /^[0-9a-f]{24}$/i;
const TEXT_ID = /^[\w-]{1,128}$/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

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

/**
 * Every form in which a row may have an id that came from outside; none when it is no id. A UUID may be stored as such
 * or as text: Better Auth does the one or the other, by its options.
 */
export function idForms(text: string): Id[] {
  const id = parseId(text);
  if (id === null) return [];
  return UUID.test(text) ? [id, new Types.UUID(text)] : [id];
}

/** The outside form of an id: 24 lower-case hex digits, a UUID in lower case, or the text. */
export function formatId(id: Id): string {
  return typeof id === "string" ? id : id.toHexString();
}

/** Every form in which a reference to this row may be stored: older rows hold the text of an ObjectId. */
export function referenceForms(id: Id): Id[] {
  const text = formatId(id);
  const forms = idForms(text);
  return forms.includes(text) ? forms : [...forms, text];
}
