import assert from "node:assert/strict";
import { TOTP, URI } from "otpauth";
import request from "supertest";
import { twoFactor, type AuthOptions, type TwoFactorOptions } from "../../lib/index.ts";
import { parseId } from "../../lib/models/id.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestAppSettings,
  type TestUser,
} from "./app.ts";
import { createJar } from "./jar.ts";
import { until } from "./outbox.ts";

/** Seconds of one code. */
export const STEP = 30;
/** Name of the cookie that a sign-in waits with. */
export const PENDING_COOKIE = "better-auth.two_factor";
export const DEVICE_COOKIE = "better-auth.trust_device";

/** What an app sent with `sendOTP`. */
export interface SentCode {
  readonly email: string;
  readonly otp: string;
}

/** An app with the feature, which sends codes. */
export interface TwoFactorApp extends TestApp {
  readonly sent: readonly SentCode[];
}

/** A user whose authenticator is confirmed. */
export interface EnrolledUser extends TestUser {
  readonly uri: string;
  readonly backupCodes: readonly string[];
}

/** Starts an app with the feature. */
export async function startTwoFactorApp(
  options: TwoFactorOptions = {},
  { plugins: others = [], ...app }: AuthOptions = {},
  settings: TestAppSettings = {},
): Promise<TwoFactorApp> {
  const sent: SentCode[] = [];
  const otpOptions: TwoFactorOptions["otpOptions"] = {
    sendOTP: ({ user, otp }) => void sent.push({ email: user.email, otp }),
    ...options.otpOptions,
  };
  const plugins = [twoFactor({ ...options, otpOptions }), ...others];
  const t = await startApp({ plugins, ...app }, settings);
  return { ...t, sent };
}

/** Calls an endpoint of the feature, as a page of the app does. */
export function call(
  { server }: TestApp,
  path: string,
  cookie: string,
  body: object = {},
): request.Test {
  return request(server)
    .post(`/auth/two-factor/${path}`)
    .set({ cookie, origin: TEST_ORIGIN })
    .send(body);
}

/** What an authenticator of another make shows. */
export function codeOf(
  { clock }: Pick<TestApp, "clock">,
  { uri }: Pick<EnrolledUser, "uri">,
  steps = 0,
): string {
  const totp = URI.parse(uri);
  assert.ok(totp instanceof TOTP);
  return totp.generate({ timestamp: clock.now().getTime() + steps * totp.period * 1000 });
}

/** A code of the right form that fits none of the steps around now. */
export function wrongCode(t: Pick<TestApp, "clock">, user: Pick<EnrolledUser, "uri">): string {
  const near = [-2, -1, 0, 1, 2].map((steps) => codeOf(t, user, steps));
  const length = near[0]?.length ?? 6;
  const candidates = Array.from({ length: 6 }, (_, n) => String(n).repeat(length));
  return candidates.find((code) => !near.includes(code)) ?? assert.fail("no wrong code");
}

/** Signs a user up who then sets up an authenticator; its first code is used. */
export async function givenEnrolled(t: TestApp): Promise<EnrolledUser> {
  const user = await t.givenUser();
  const { password } = user;
  const enabled = await call(t, "enable", user.cookie, { password }).expect(200);
  const { totpURI: uri, backupCodes } = enabled.body as { totpURI: string; backupCodes: string[] };
  const code = codeOf(t, { uri });
  const confirmed = await call(t, "verify-totp", user.cookie, { code }).expect(200);
  const { token } = confirmed.body as { token: string };
  t.clock.advance(STEP);
  return { ...user, token, cookie: cookiesAfter(user.cookie, confirmed), uri, backupCodes };
}

/** Signs a user up who is sent codes. */
export async function givenSentCodes(t: TestApp): Promise<TestUser> {
  const user = await t.givenUser();
  const { password } = user;
  const answer = await call(t, "enable", user.cookie, { password, method: "otp" }).expect(200);
  return { ...user, cookie: cookiesAfter(user.cookie, answer) };
}

/** The first step of a sign-in: the cookies with which it waits. */
export async function givenPending(
  t: TestApp,
  { email, password }: Pick<TestUser, "email" | "password">,
  { rememberMe = true, cookie = "" } = {},
): Promise<string> {
  const answer = await signIn(t, { email, password, rememberMe }, cookie).expect(200);
  assert.equal((answer.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
  return cookiesAfter(cookie, answer);
}

export function signIn({ server }: TestApp, body: object, cookie = ""): request.Test {
  const headers = cookie === "" ? {} : { cookie, origin: TEST_ORIGIN };
  return request(server).post("/auth/sign-in/email").set(headers).send(body);
}

/** The `Cookie` header of a browser that had these cookies and received this answer. */
export function cookiesAfter(cookie: string, answer: request.Response): string {
  const jar = createJar(cookie);
  jar.take(setCookies(answer));
  return jar.header();
}

/** The user of the session that these cookies carry; null without one. */
export async function userOf({ server }: TestApp, cookie: string): Promise<string | null> {
  const answer = await request(server).get("/auth/get-session").set("cookie", cookie).expect(200);
  return (answer.body as { user: { id: string } } | null)?.user.id ?? null;
}

/** The stored row of a user. */
export function rowOf({ auth }: TestApp, { id }: Pick<TestUser, "id">) {
  return auth.models.TwoFactor.findOne({ userId: parseId(id) ?? "" }).lean();
}

/** Changes the stored row of a user. */
export async function changeRowOf(
  { auth }: TestApp,
  { id }: Pick<TestUser, "id">,
  changes: object,
): Promise<void> {
  const userId = parseId(id) ?? "";
  const { matchedCount } = await auth.models.TwoFactor.updateOne({ userId }, changes);
  assert.equal(matchedCount, 1);
}

/** Asks for a code and returns the one that was sent. */
export async function sendCode(t: TwoFactorApp, cookie: string): Promise<string> {
  const known = t.sent.length;
  await call(t, "send-otp", cookie).expect(200, { status: true });
  await until(() => t.sent.length > known, "no code");
  return t.sent.at(-1)?.otp ?? assert.fail("no code");
}

/** A code of the same form that is another one. */
export function otherThan(code: string): string {
  return (code === "0".repeat(code.length) ? "1" : "0").repeat(code.length);
}
