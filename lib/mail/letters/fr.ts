import type { Letters } from "../templates.ts";

const hello = (name: string | undefined) => (name === undefined ? "Bonjour," : `Bonjour ${name},`);
const linkNote = "Si le bouton ne fonctionne pas, ouvrez cette adresse dans votre navigateur :";
const foreign =
  "Si cette demande ne vient pas de vous, n’ouvrez pas le lien et changez votre mot de passe : quelqu’un utilise peut-être votre compte.";

/** French. */
export const fr: Letters = {
  resetPassword: ({ appName, name, duration }) => ({
    subject: `Réinitialisation de votre mot de passe sur ${appName}`,
    paragraphs: [
      hello(name),
      `Vous pouvez choisir un nouveau mot de passe pour votre compte sur ${appName}. Quelqu’un, sans doute vous, a demandé ce message.`,
    ],
    button: "Choisir un nouveau mot de passe",
    linkNote,
    notes: [
      duration === undefined
        ? "Le lien ne fonctionne qu’une fois et pour une durée limitée."
        : `Le lien ne fonctionne qu’une fois et pendant ${duration} seulement.`,
      "Si cette demande ne vient pas de vous, ignorez ce message : votre mot de passe reste inchangé.",
    ],
  }),
  verification: ({ appName, name, duration, user }) => ({
    subject: `Confirmez votre adresse e-mail pour ${appName}`,
    paragraphs: [
      hello(name),
      `Veuillez confirmer que ${user.email} est bien votre adresse sur ${appName}.`,
    ],
    button: "Confirmer l’adresse",
    linkNote,
    notes: [
      validity(duration),
      "Si cette demande ne vient pas de vous, ignorez ce message : l’adresse restera alors non confirmée.",
    ],
  }),
  changeEmailConfirmation: ({ appName, name, duration, newEmail, user }) => ({
    subject: `Confirmez le changement de votre adresse e-mail sur ${appName}`,
    paragraphs: [
      hello(name),
      `L’adresse e-mail de votre compte sur ${appName} doit passer de ${user.email} à ${newEmail}.`,
      "Après votre accord, nous enverrons aussi un message à la nouvelle adresse pour la confirmer.",
    ],
    button: "Accepter le changement",
    linkNote,
    notes: [validity(duration), foreign],
  }),
  deleteAccountVerification: ({ appName, name, duration }) => ({
    subject: `Confirmez la suppression de votre compte sur ${appName}`,
    paragraphs: [
      hello(name),
      `Votre compte sur ${appName} doit être supprimé avec tout son contenu. Cette action est irréversible.`,
    ],
    button: "Supprimer mon compte",
    linkNote,
    notes: [validity(duration), foreign],
  }),
  existingUserSignUp: ({ appName, name, user }) => ({
    subject: `Vous avez déjà un compte sur ${appName}`,
    paragraphs: [
      hello(name),
      `Quelqu’un a essayé de s’inscrire sur ${appName} avec votre adresse ${user.email}. Elle a déjà un compte : aucun nouveau compte n’a été créé.`,
      "Si c’était vous, connectez-vous plutôt. Si vous avez oublié votre mot de passe, vous pourrez l’y réinitialiser.",
    ],
    notes: ["Si ce n’était pas vous, il n’y a rien à faire : votre compte est inchangé."],
  }),
  twoFactorOTP: ({ appName, name, otp, duration }) => ({
    subject: `${otp} est votre code pour ${appName}`,
    paragraphs: [
      hello(name),
      `Saisissez ce code là où ${appName} vous l’a demandé, et ne le communiquez à personne.`,
    ],
    code: otp,
    notes: [
      duration === undefined
        ? "Le code ne fonctionne qu’une fois et pour une durée limitée."
        : `Le code ne fonctionne qu’une fois et pendant ${duration} seulement.`,
      "Si vous n’avez pas essayé de vous connecter, changez votre mot de passe : quelqu’un le connaît peut-être.",
    ],
  }),
};

function validity(duration: string | undefined): string {
  return duration === undefined
    ? "Le lien n’est valable que pour une durée limitée."
    : `Le lien est valable ${duration}.`;
}
