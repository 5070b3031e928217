import { z } from "zod";
import type { ActiveSession, Call } from "../../lib/context.ts";
import { endpoint, type Active } from "../../lib/endpoint.ts";
import { failures } from "../../lib/errors.ts";
import { publicSession, publicUser } from "../../lib/routers/core/schemas.ts";
import { isSame, typeOf } from "./same.ts";

// Never run: the compiler is the test.

const base = { method: "GET", path: "/x", summary: "Try the types" } as const;
const nothing = { response: z.null() } as const;

isSame<Active<"public">, undefined>(true);
isSame<Active<"optional">, ActiveSession | null>(true);
isSame<Active<"session">, ActiveSession>(true);
isSame<Active<"session!">, ActiveSession>(true);
isSame<Active<"fresh">, ActiveSession>(true);

/** `call.active` is what the access makes it. */
export const byAccess = [
  endpoint("a", {
    ...base,
    ...nothing,
    access: "public",
    handler({ active }) {
      typeOf(active).is<undefined>(true);
      return null;
    },
  }),
  endpoint("b", {
    ...base,
    ...nothing,
    access: "optional",
    handler({ active }) {
      typeOf(active).is<ActiveSession | null>(true);
      // @ts-expect-error there may be no session
      isSame<typeof active.user.name, string>(true);
      return null;
    },
  }),
  endpoint("c", {
    ...base,
    ...nothing,
    access: "session",
    handler({ active }) {
      typeOf(active).is<ActiveSession>(true);
      return null;
    },
  }),
  endpoint("d", {
    ...base,
    ...nothing,
    access: "session!",
    handler({ active }) {
      typeOf(active).is<ActiveSession>(true);
      return null;
    },
  }),
  endpoint("e", {
    ...base,
    ...nothing,
    access: "fresh",
    handler({ active }) {
      typeOf(active).is<ActiveSession>(true);
      return null;
    },
  }),
];

/** Body, query and parameters are what the schemas make; undefined without one. */
export const parsed = endpoint("parsed", {
  ...base,
  access: "public",
  body: z.object({ count: z.string().transform(Number) }),
  query: z.object({ page: z.string().optional() }),
  response: z.object({ total: z.number() }),
  handler({ body, query, params }) {
    typeOf(body.count).is<number>(true);
    typeOf(query.page).is<string | undefined>(true);
    typeOf(params).is<undefined>(true);
    return { total: body.count };
  },
});

/** Records go out through the views. */
export const throughViews = endpoint("throughViews", {
  ...base,
  access: "session",
  response: z.object({ user: publicUser, sessions: z.array(publicSession) }),
  handler({ auth, active }) {
    return {
      user: auth.views.user(active.user),
      sessions: [auth.views.session(active.session, active.token)],
    };
  },
});

/** A document as it is stored does not go out. */
export const rawUser = endpoint("rawUser", {
  ...base,
  access: "session",
  response: z.object({ user: publicUser }),
  // @ts-expect-error only `views.user` makes a UserView
  handler: ({ active }) => ({ user: active.user }),
});

/** Not in a list, and not after a look-up either. */
export const rawSessions = endpoint("rawSessions", {
  ...base,
  access: "session",
  response: z.array(publicSession),
  // @ts-expect-error only `views.session` makes a SessionView
  handler: ({ auth, active }) => auth.models.Session.find({ userId: active.user._id }).lean(),
});

/** Nor does a copy with the right fields. */
export const copiedUser = endpoint("copiedUser", {
  ...base,
  access: "session",
  response: publicUser,
  // @ts-expect-error the brand is missing
  handler: ({ active: { user } }) => ({ ...user, id: String(user._id), image: user.image ?? null }),
});

/** Nor does such a copy of a session. */
export const copiedSession = endpoint("copiedSession", {
  ...base,
  access: "session",
  response: publicSession,
  // @ts-expect-error the brand is missing
  handler: ({ active: { session } }) => ({
    ...session,
    id: String(session._id),
    userId: String(session.userId),
    ipAddress: session.ipAddress ?? "",
    userAgent: session.userAgent ?? "",
  }),
});

/** The answer has to fit its schema. */
export const wrongAnswer = endpoint("wrongAnswer", {
  ...base,
  access: "public",
  response: z.object({ total: z.number() }),
  // @ts-expect-error the total is a number
  handler: () => ({ total: "1" }),
});

/** Only codes of the table can be thrown. */
export function codes(): Error[] {
  const fail = failures({ NOT_TODAY: [400, "Not today"] });
  // @ts-expect-error no such code
  return [fail("NOT_TODAY"), fail("NOT_EVER")];
}

/** A handler's call has no Express in it. */
export function withoutExpress(call: Call): string {
  // @ts-expect-error there is no response object
  isSame<typeof call.res, unknown>(true);
  return call.request.method;
}
