import type { Letters } from "../templates.ts";

const hello = (name: string | undefined) => (name === undefined ? "Hello," : `Hello ${name},`);
const linkNote = "If the button does not work, open this address in your browser:";

/** English. */
export const en: Letters = {
  resetPassword: ({ appName, name, duration }) => ({
    subject: `Reset your password for ${appName}`,
    paragraphs: [
      hello(name),
      `You can choose a new password for your account at ${appName}. Someone, probably you, asked for this mail.`,
    ],
    button: "Choose a new password",
    linkNote,
    notes: [
      `The link works once, and for ${duration ?? "a limited time"} only.`,
      "If you did not ask for it, ignore this mail: your password stays as it is.",
    ],
  }),
  verification: ({ appName, name, duration, user }) => ({
    subject: `Confirm your e-mail address for ${appName}`,
    paragraphs: [hello(name), `Please confirm that ${user.email} is your address at ${appName}.`],
    button: "Confirm the address",
    linkNote,
    notes: [
      `The link works for ${duration ?? "a limited time"}.`,
      "If you did not ask for it, ignore this mail: the address then stays unconfirmed.",
    ],
  }),
  changeEmailConfirmation: ({ appName, name, duration, newEmail, user }) => ({
    subject: `Confirm the change of your e-mail address at ${appName}`,
    paragraphs: [
      hello(name),
      `The e-mail address of your account at ${appName} is to change from ${user.email} to ${newEmail}.`,
      "Once you have agreed, we send a mail to the new address to confirm it as well.",
    ],
    button: "Agree to the change",
    linkNote,
    notes: [
      `The link works for ${duration ?? "a limited time"}.`,
      "If you did not ask for it, do not open the link, and change your password: someone may be using your account.",
    ],
  }),
  deleteAccountVerification: ({ appName, name, duration }) => ({
    subject: `Confirm the deletion of your account at ${appName}`,
    paragraphs: [
      hello(name),
      `Your account at ${appName} is to be deleted, with everything in it. This cannot be undone.`,
    ],
    button: "Delete my account",
    linkNote,
    notes: [
      `The link works once, and for ${duration ?? "a limited time"} only.`,
      "If you did not ask for it, do not open the link, and change your password: someone may be using your account.",
    ],
  }),
  existingUserSignUp: ({ appName, name, user }) => ({
    subject: `You already have an account at ${appName}`,
    paragraphs: [
      hello(name),
      `Someone tried to sign up at ${appName} with your address ${user.email}. It has an account already, so no new one was made.`,
      "If it was you, sign in instead. If you have forgotten your password, you can reset it there.",
    ],
    notes: ["If it was not you, there is nothing to do: your account is as it was."],
  }),
  twoFactorOTP: ({ appName, name, otp, duration }) => ({
    subject: `${otp} is your code for ${appName}`,
    paragraphs: [
      hello(name),
      `Enter this code where ${appName} asked for it, and tell it to nobody.`,
    ],
    code: otp,
    notes: [
      `The code works once, and for ${duration ?? "a limited time"} only.`,
      "If you did not try to sign in, change your password: someone may know it.",
    ],
  }),
};
