import { Schema, type SchemaDefinitionProperty } from "mongoose";

/** What an additional field holds; a list of texts allows just those. */
export type FieldType =
  "string" | "number" | "boolean" | "date" | "string[]" | "number[]" | "json" | readonly string[];

/** A field that the app adds to users or sessions. */
export interface AdditionalField {
  /** Type of the value. */
  readonly type: FieldType;
  /** Whether sign-up fails without it. Default true, as in Better Auth. */
  readonly required?: boolean | undefined;
  /** Whether requests may set it. Default true. */
  readonly input?: boolean | undefined;
  /** Whether answers show it. Default true. */
  readonly returned?: boolean | undefined;
  /** Value of new rows when none is given, or a function that makes it. Default none. */
  readonly defaultValue?: unknown;
  /** Whether a unique index holds it. Default false. */
  readonly unique?: boolean | undefined;
  /** Whether it has an index. Default false. */
  readonly index?: boolean | undefined;
  /** Name in the database. Default: its own. */
  readonly fieldName?: string | undefined;
}

/** App-defined fields by name. */
export type AdditionalFields = Readonly<Record<string, AdditionalField>>;

/** Adds the app's fields to a schema (the one dynamic path into the models). */
export function addFields<T>(schema: Schema<T>, fields: AdditionalFields): void {
  for (const [key, field] of Object.entries(fields)) {
    const name = field.fieldName ?? key;
    schema.add(new Schema({ [name]: schemaType(field.type) }, { _id: false }));
    if (field.unique === true) {
      const given = { [name]: { $type: bsonType(field.type) } };
      schema.index({ [name]: 1 }, { unique: true, partialFilterExpression: given });
    } else if (field.index === true) {
      schema.index({ [name]: 1 });
    }
  }
}

function schemaType(type: FieldType): SchemaDefinitionProperty {
  switch (type) {
    case "string":
      return { type: String };
    case "number":
      return { type: Number };
    case "boolean":
      return { type: Boolean };
    case "date":
      return { type: Date };
    case "string[]":
      return { type: [String], default: undefined };
    case "number[]":
      return { type: [Number], default: undefined };
    case "json":
      return { type: Schema.Types.Mixed };
    default:
      return { type: String, enum: [...type, null] };
  }
}

/** BSON type of a field's values, by which the unique index of an additional field is partial. */
export function bsonType(type: FieldType): string {
  switch (type) {
    case "number":
    case "number[]":
      return "number";
    case "boolean":
      return "bool";
    case "date":
      return "date";
    case "json":
      return "object";
    default:
      return "string";
  }
}
