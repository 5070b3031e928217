import type { Letters } from "../templates.ts";

const hello = (name: string | undefined) =>
  name === undefined ? "Guten Tag," : `Guten Tag ${name},`;
const linkNote = "Falls die Schaltfläche nicht funktioniert, öffnen Sie diese Adresse im Browser:";
const foreign =
  "Falls Sie das nicht angefordert haben, öffnen Sie den Link nicht und ändern Sie Ihr Passwort: Vielleicht nutzt jemand anderes Ihr Konto.";

/** German. */
export const de: Letters = {
  resetPassword: ({ appName, name, duration }) => ({
    subject: `Neues Passwort für ${appName}`,
    paragraphs: [
      hello(name),
      `Sie können ein neues Passwort für Ihr Konto bei ${appName} wählen. Jemand, wahrscheinlich Sie selbst, hat diese E-Mail angefordert.`,
    ],
    button: "Neues Passwort wählen",
    linkNote,
    notes: [
      duration === undefined
        ? "Der Link gilt einmal und nur für begrenzte Zeit."
        : `Der Link gilt einmal und nur ${duration} lang.`,
      "Falls Sie das nicht waren, ignorieren Sie diese E-Mail: Ihr Passwort bleibt, wie es ist.",
    ],
  }),
  verification: ({ appName, name, duration, user }) => ({
    subject: `Bestätigen Sie Ihre E-Mail-Adresse für ${appName}`,
    paragraphs: [
      hello(name),
      `Bitte bestätigen Sie, dass ${user.email} Ihre Adresse bei ${appName} ist.`,
    ],
    button: "Adresse bestätigen",
    linkNote,
    notes: [
      validity(duration),
      "Falls Sie das nicht angefordert haben, ignorieren Sie diese E-Mail: Die Adresse bleibt dann unbestätigt.",
    ],
  }),
  changeEmailConfirmation: ({ appName, name, duration, newEmail, user }) => ({
    subject: `Bestätigen Sie die Änderung Ihrer E-Mail-Adresse bei ${appName}`,
    paragraphs: [
      hello(name),
      `Die E-Mail-Adresse Ihres Kontos bei ${appName} soll von ${user.email} auf ${newEmail} geändert werden.`,
      "Sobald Sie zugestimmt haben, schicken wir auch der neuen Adresse eine E-Mail zur Bestätigung.",
    ],
    button: "Der Änderung zustimmen",
    linkNote,
    notes: [validity(duration), foreign],
  }),
  deleteAccountVerification: ({ appName, name, duration }) => ({
    subject: `Bestätigen Sie die Löschung Ihres Kontos bei ${appName}`,
    paragraphs: [
      hello(name),
      `Ihr Konto bei ${appName} soll mit seinem gesamten Inhalt gelöscht werden. Das lässt sich nicht rückgängig machen.`,
    ],
    button: "Mein Konto löschen",
    linkNote,
    notes: [validity(duration), foreign],
  }),
  existingUserSignUp: ({ appName, name, user }) => ({
    subject: `Sie haben bereits ein Konto bei ${appName}`,
    paragraphs: [
      hello(name),
      `Jemand wollte sich bei ${appName} mit Ihrer Adresse ${user.email} registrieren. Zu ihr gibt es bereits ein Konto, deshalb wurde kein neues angelegt.`,
      "Falls Sie das waren, melden Sie sich stattdessen an. Ein vergessenes Passwort können Sie dort zurücksetzen.",
    ],
    notes: ["Falls Sie das nicht waren, ist nichts zu tun: Ihr Konto ist unverändert."],
  }),
  twoFactorOTP: ({ appName, name, otp, duration }) => ({
    subject: `${otp} ist Ihr Code für ${appName}`,
    paragraphs: [
      hello(name),
      `Geben Sie diesen Code dort ein, wo ${appName} danach gefragt hat, und verraten Sie ihn niemandem.`,
    ],
    code: otp,
    notes: [
      duration === undefined
        ? "Der Code gilt einmal und nur für begrenzte Zeit."
        : `Der Code gilt einmal und nur ${duration} lang.`,
      "Falls Sie sich nicht anmelden wollten, ändern Sie Ihr Passwort: Vielleicht kennt es jemand anderes.",
    ],
  }),
};

function validity(duration: string | undefined): string {
  return duration === undefined
    ? "Der Link gilt nur für begrenzte Zeit."
    : `Der Link gilt ${duration} lang.`;
}
