import type { Call } from "../context.ts";
import { hmacBase64url, isHmacBase64url, sign, unsign } from "../crypto/signature.ts";
import { formatId } from "../models/id.ts";
import type { User } from "../models/user.ts";
import { clearCookie, readCookies, setCookie } from "./cookies.ts";
import { userAgentOf } from "./user-agent.ts";
import {
  consumeVerification,
  deleteVerifications,
  issueVerification,
  TRUSTED_DEVICE,
} from "./verification.ts";

type DeviceCall = Pick<Call, "auth" | "request" | "reply">;

/**
 * Lets this browser sign in without a second factor: a row, and the signed cookie `<mac>!<identifier>`.
 *
 * @param maxAge seconds
 */
export async function trustDevice(
  { auth, request, reply }: DeviceCall,
  user: User,
  maxAge: number,
): Promise<void> {
  const [key] = auth.keys.signing;
  const issuing = { userId: user._id, expiresIn: maxAge, userAgent: userAgentOf(request) };
  const identifier =
    TRUSTED_DEVICE.prefix + (await issueVerification(auth, TRUSTED_DEVICE, issuing));
  const mac = hmacBase64url(`${formatId(user._id)}!${identifier}`, key);
  setCookie(reply, auth.cookies.trustDevice, sign(`${mac}!${identifier}`, key), maxAge);
}

/**
 * Whether this browser is trusted by the user; then its row and cookie are replaced by new ones. A cookie that is not
 * valid for this user expires.
 */
export async function useTrustedDevice(
  call: DeviceCall,
  user: User,
  maxAge: number,
): Promise<boolean> {
  const { auth, request, reply } = call;
  const cookie = readCookies(request.headers).get(auth.cookies.trustDevice.name);
  if (cookie === undefined) return false;
  if (await consumeDevice(call, user, unsign(cookie, auth.keys.signing) ?? "")) {
    await trustDevice(call, user, maxAge);
    return true;
  }
  clearCookie(reply, auth.cookies.trustDevice);
  return false;
}

/** Ends the trust in all browsers of the user, this one included. */
export async function endTrust(
  { auth, reply }: Pick<Call, "auth" | "reply">,
  user: User,
): Promise<void> {
  await deleteVerifications(auth, TRUSTED_DEVICE.prefix, user._id);
  clearCookie(reply, auth.cookies.trustDevice);
}

async function consumeDevice({ auth }: DeviceCall, user: User, value: string): Promise<boolean> {
  const [mac = "", identifier = ""] = value.split("!");
  const userId = formatId(user._id);
  if (!identifier.startsWith(TRUSTED_DEVICE.prefix)) return false;
  if (!isHmacBase64url(mac, `${userId}!${identifier}`, auth.keys.signing)) return false;
  const secret = identifier.slice(TRUSTED_DEVICE.prefix.length);
  return (await consumeVerification(auth, TRUSTED_DEVICE, secret))?.value === userId;
}
