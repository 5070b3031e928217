import type { IncomingMessage } from "node:http";
import type { NextFunction, Request, Response } from "express";
import type { ActiveSession, AuthContext, Reply } from "../context.ts";
import { AuthError, failCore } from "../errors.ts";
import { withDeadline } from "../models/deadline.ts";
import { createReply } from "../run.ts";
import { withQuery } from "../services/redirect-url.ts";
import {
  findActive,
  findActiveToRead,
  isFresh,
  isReading,
  requireEnrolment,
} from "../services/session.ts";
import type { PublicSession, PublicUser } from "../views.ts";
import { requestInfo } from "./request-info.ts";
import { writeFailure, writeRedirect, writeReply } from "./write-answer.ts";

/** What `requireSession` and `requireAdmin` put on the request. */
export interface AuthOnRequest<U, S = PublicSession> {
  readonly session: S;
  readonly user: U;
}

/**
 * The request of a handler behind a guard, for handlers that stand in a file of their own. That the guard is there is not
 * checked: Express takes the type from the handler.
 *
 * - `A`: `typeof auth`
 * - `Params`: parameters of the path, `{ id: string }`
 */
export type AuthRequest<
  A extends { readonly $Infer: { readonly Session: unknown } },
  Params = Readonly<Record<string, string>>,
> = Request<Params, unknown, unknown, unknown, { readonly auth: A["$Infer"]["Session"] }>;

/** Options of `requireSession` and `requireAdmin`. */
export interface GuardOptions {
  /** Only sessions younger than `session.freshAge` pass; others get 403 `SESSION_NOT_FRESH`. Default false. */
  readonly fresh?: boolean | undefined;
  /**
   * Only sessions that proved a second factor lately (`stepUpMaxAge` of `twoFactor()`) pass; others get 403:
   * `TWO_FACTOR_REQUIRED` (verify a code), or `TWO_FACTOR_ENROLMENT_REQUIRED` (set one up). Default false.
   */
  readonly twoFactor?: boolean | undefined;
  /**
   * Lets also those pass who have to set up a second factor first (`required` of `twoFactor()`): for the page on which
   * they do. Default false: 403 `TWO_FACTOR_ENROLMENT_REQUIRED`.
   */
  readonly beforeEnrolment?: boolean | undefined;
  /**
   * Path or trusted address of the sign-in page: a browser that asked for a page is sent there with `callbackURL`
   * (the page it wanted) and, for a 403, `error` (the code). Default: everyone gets JSON.
   */
  readonly redirectTo?: string | undefined;
}

/**
 * A guard names the locals, from which Express infers `req.auth`; it must not name `Request`, which would fix the
 * path parameters.
 */
export type Guard<U, S = PublicSession> = (
  req: IncomingMessage,
  res: Response<unknown, { readonly auth: AuthOnRequest<U, S> }>,
  next: NextFunction,
) => void;

/** Middleware itself; called with options (or nothing) it makes middleware. */
export interface SessionGuard<U, S = PublicSession> {
  (options?: GuardOptions): Guard<U, S>;
  // Inference reads the last overload: the middleware's own signature has to be it.
  (
    req: IncomingMessage,
    res: Response<unknown, { readonly auth: AuthOnRequest<U, S> }>,
    next: NextFunction,
  ): void;
}

declare module "express-serve-static-core" {
  // TypeScript demands that every declaration of Request repeats its type parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface Request<P, ResBody, ReqBody, ReqQuery, LocalsObj> {
    /** Session and user behind `requireSession` or `requireAdmin`; `unknown` elsewhere. */
    auth: LocalsObj extends { readonly auth: infer A } ? A : unknown;
  }
}

/** Throws when a session, read from the database, does not suffice. */
export type Check = (auth: AuthContext, active: ActiveSession) => void;

/** Sessions found by the guards of one instance, so that a chain of them looks only once. */
export type FoundSessions = WeakMap<IncomingMessage, ActiveSession>;

/**
 * Makes a guard: 401 `UNAUTHORIZED` without a live session, 403 `BANNED_USER`, 403 `SESSION_NOT_FRESH`, 503 while the
 * database cannot be reached. It renews the session as `/get-session` does, and reads the database once per request; with
 * `session.cookieCache` GET and HEAD are let through by the copy in the cookie, unless more is asked for.
 *
 * @param check what more is asked for (`requireAdmin`)
 */
export function createGuard(
  auth: AuthContext,
  found: FoundSessions,
  check?: Check,
): SessionGuard<PublicUser> {
  const plain = protect(auth, found, check, {});
  return function guard(...args: [GuardOptions?] | Parameters<Guard<PublicUser>>) {
    if (args.length === 3) {
      plain(...args);
      return undefined;
    }
    return protect(auth, found, check, checkOptions(auth, args[0]));
  } as SessionGuard<PublicUser>;
}

/** @throws TypeError when an option is wrong */
function checkOptions(auth: AuthContext, options: GuardOptions = {}): GuardOptions {
  const given: unknown = options;
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`requireSession(): options must be an object, got ${String(given)}`);
  }
  const { fresh, twoFactor, beforeEnrolment, redirectTo, ...unknown } = options;
  const [name] = Object.keys(unknown);
  if (name !== undefined) {
    throw new TypeError(
      `requireSession(): ${name} is not an option; pass fresh, twoFactor, beforeEnrolment or redirectTo`,
    );
  }
  for (const [flag, value] of Object.entries({ fresh, twoFactor, beforeEnrolment })) {
    if (value === undefined || typeof value === "boolean") continue;
    throw new TypeError(`requireSession(): ${flag} must be true or false, got ${typeof value}`);
  }
  if (twoFactor === true && !auth.hooks.some((hooks) => hooks.requireSecondFactor !== undefined)) {
    throw new TypeError("requireSession(): twoFactor needs twoFactor() among the plugins");
  }
  if (redirectTo !== undefined && !/^(?:\/(?![/\\])|https?:\/\/)/.test(redirectTo)) {
    throw new TypeError("requireSession(): redirectTo must be a path (/sign-in) or an http(s) URL");
  }
  return options;
}

function protect(
  auth: AuthContext,
  found: FoundSessions,
  check: Check | undefined,
  options: GuardOptions,
): Guard<PublicUser> {
  return function requireSession(incoming, res, next) {
    const req = incoming as Request;
    admit(auth, found, check, options, req, res).then(
      () => {
        next();
      },
      (error: unknown) => {
        refuse(auth, options, req, res, error).catch((failure: unknown) => {
          writeFailure(null, res, failure, auth.log);
        });
      },
    );
  };
}

async function admit(
  auth: AuthContext,
  found: FoundSessions,
  check: Check | undefined,
  { fresh = false, twoFactor = false, beforeEnrolment = false }: GuardOptions,
  req: Request,
  res: Response,
): Promise<void> {
  const mayBeCopied = !fresh && !twoFactor && check === undefined && isReading(req);
  const known = found.get(req);
  const suffices = known !== undefined && (mayBeCopied || known.shown === undefined);
  const active = suffices ? known : await authenticate(auth, req, res, mayBeCopied);
  if (fresh && !isFresh(auth, active.session)) throw failCore("SESSION_NOT_FRESH");
  if (!beforeEnrolment) await requireEnrolment(auth, active);
  if (twoFactor) for (const hooks of auth.hooks) hooks.requireSecondFactor?.(auth, active);
  check?.(auth, active);
  found.set(req, active);
  req.auth = auth.views.active(active);
}

async function authenticate(
  auth: AuthContext,
  req: Request,
  res: Response,
  mayBeCopied: boolean,
): Promise<ActiveSession> {
  if (!auth.database.isReady) await withDeadline(auth.database.ready());
  const reply = createReply();
  const request = requestInfo(auth.config, req, "");
  const find = mayBeCopied
    ? findActiveToRead(auth, request, reply)
    : findActive(auth, request, reply, { copies: true });
  const active = await find.catch((error: unknown) => {
    if (error instanceof AuthError && error.status < 500) writeSession(res, reply);
    throw error;
  });
  writeSession(res, reply);
  if (active === null) throw failCore("UNAUTHORIZED");
  return active;
}

/** The app may let caches keep its answer, but not with a session in it. */
function writeSession(res: Response, reply: Reply): void {
  if (reply.cookies.size > 0) res.setHeader("Cache-Control", "no-store");
  writeReply(res, reply);
}

/** A browser that asked for a page goes to the sign-in page; everyone else gets JSON. */
async function refuse(
  auth: AuthContext,
  { redirectTo }: GuardOptions,
  req: Request,
  res: Response,
  thrown: unknown,
): Promise<void> {
  res.setHeader("Cache-Control", "no-store");
  const isRefusal = thrown instanceof AuthError && thrown.status < 500;
  if (redirectTo === undefined || !isRefusal || !wantsPage(req)) {
    writeFailure(null, res, thrown, auth.log);
    return;
  }
  const request = requestInfo(auth.config, req, "");
  const callbackURL = await auth.origins.checkRedirect(req.originalUrl, request);
  const params = {
    ...(callbackURL !== null && { callbackURL }),
    ...(thrown.status === 403 && { error: thrown.code }),
  };
  writeRedirect(res, withQuery(redirectTo, params));
}

function wantsPage(req: Request): boolean {
  return isReading(req) && req.accepts(["json", "html"]) === "html";
}
