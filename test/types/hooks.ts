import { model, Schema, type ClientSession } from "mongoose";
import {
  betterAuth,
  twoFactor,
  type HookContext,
  type PublicUser,
  type UserLike,
} from "../../lib/index.ts";
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

declare function send(address: string, text: string): void;

/** The app's own fields are there as well; of which type is not known. */
export const withFields = betterAuth({
  user: {
    additionalFields: { phone: { type: "string", required: false } },
    deleteUser: {
      enabled: true,
      beforeDelete: (user) => void typeOf(user["phone"]).is<unknown>(true),
    },
  },
  emailVerification: {
    afterEmailVerification: ({ id, phone }) => void [id, phone].map(String),
  },
  emailAndPassword: {
    enabled: true,
    sendResetPassword({ user: { email, phone }, url }) {
      typeOf(email).is<string>(true);
      // @ts-expect-error it may be anything
      send(phone, url);
      send(typeof phone === "string" ? phone : email, url);
    },
  },
  plugins: [
    twoFactor({
      required: ({ role, email }) => role === "admin" || email.endsWith("@example.com"),
      otpOptions: {
        sendOTP({ user: { phone }, otp }) {
          if (typeof phone === "string") send(phone, otp);
        },
      },
    }),
  ],
});

/** A function that callbacks share takes the users of the guards, of `auth.api` and of hooks too. */
export async function shared(headers: Headers, { context }: HookContext): Promise<UserLike[]> {
  const found = await withFields.api.getSession({ headers });
  const hooked: PublicUser | undefined = context.session?.user;
  const users: (UserLike | undefined)[] = [found?.user, hooked];
  return users.filter((user) => user !== undefined);
}

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
