import { model, Schema, type ClientSession } from "mongoose";
import { betterAuth, type HookContext, type UserLike } from "../../lib/index.ts";
import { typeOf } from "./same.ts";

// Never run: the compiler is the test.

/** What callbacks are given follows from where they stand, without annotations. */
export const withMail = betterAuth({
  emailAndPassword: {
    enabled: true,
    sendResetPassword({ user, url, token }, request) {
      typeOf(user).is<UserLike>(true);
      typeOf(`${url}${token}`).is<string>(true);
      typeOf(request).is<Request | undefined>(true);
    },
  },
});

interface Profile {
  userId: string;
}
const Profiles = model<Profile>("Profile", new Schema<Profile>({ userId: String }));

/** The third argument is what Mongoose takes as `session`, on a standalone server too. */
export const withSession = betterAuth({
  databaseHooks: {
    user: {
      create: {
        after: (user, _context, session) => Profiles.create([{ userId: user.id }], { session }),
      },
      delete: {
        before: async (user, _context, session) => {
          await Profiles.deleteOne({ userId: user.id }).session(session);
        },
      },
    },
  },
});

/** What hooks are given follows from where they stand, without annotations. */
export const auth = betterAuth({
  databaseHooks: {
    user: {
      create: {
        before(user, context, session) {
          typeOf(user.id).is<string>(true);
          typeOf(user.email).is<string>(true);
          typeOf(context).is<HookContext | null>(true);
          typeOf(session).is<ClientSession | null>(true);
          return { data: { plan: "free" } };
        },
        after: (user) => Promise.resolve(user.createdAt.getTime()),
      },
      update: {
        before(changes) {
          typeOf(changes.id).is<string>(true);
          // @ts-expect-error it may not be what changes
          typeOf(changes.name).is<string>(true);
          return false;
        },
      },
    },
    session: { delete: { after: (session) => void typeOf(session.userId).is<string>(true) } },
  },
  hooks: {
    before: { signUpEmail: ({ body }) => ({ context: { body: { name: body["name"] } } }) },
    after(context) {
      typeOf(context).is<HookContext>(true);
      return context.json({ ok: true });
    },
  },
});
