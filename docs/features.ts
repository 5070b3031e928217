import { builtInFeatures, extendFeatures } from "../lib/features.ts";
import { twoFactor, username } from "../lib/index.ts";
import type { Plugin } from "../lib/plugin.ts";

/** Features that `plugins` turns on, with their default options. */
export const optionalFeatures: readonly Plugin[] = [
  username(),
  twoFactor({ otpOptions: { sendOTP: () => undefined } }),
];

/** Every feature of the package, each as it stands in its own files. */
export const separateFeatures: readonly Plugin[] = [...builtInFeatures, ...optionalFeatures];

/** Every feature of the package, as an instance has them together. */
export const allFeatures = extendFeatures(separateFeatures);
