import assert from "node:assert/strict";
import { TOTP, URI } from "otpauth";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { startBrowser } from "../support/browser.ts";
import {
  exampleFolder,
  removeFolder,
  startExample,
  stopExample,
  type ExampleProcess,
} from "../support/example.ts";

const PASSWORD = "Lantern-7-orchard";
/** Width of a small phone, CSS pixels. */
const PHONE = { width: 320, height: 640 };

describe("examples/basic in a browser", function () {
  this.timeout(60_000);
  let browser: Browser | undefined;
  let folder: string | undefined;
  let example: ExampleProcess | undefined;
  let context: BrowserContext;
  let page: Page;
  /** What the page complained about. */
  let complaints: string[];
  let users = 0;

  before(async function () {
    browser = await startBrowser(this);
    folder = await exampleFolder();
    example = await startExample("basic", folder);
  });
  after(async () => {
    await browser?.close();
    await stopExample(example);
    if (folder !== undefined) await removeFolder(folder);
  });
  beforeEach(async () => {
    context = await newContext();
    page = await context.newPage();
    complaints = [];
    page.on("pageerror", ({ message }) => complaints.push(message));
    page.on("console", (entry) => {
      if (entry.text().includes("Content Security Policy")) complaints.push(entry.text());
    });
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });

  function newContext(): Promise<BrowserContext> {
    assert.ok(browser && example);
    return browser.newContext({ baseURL: example.origin, viewport: PHONE });
  }
  async function signUp(name = "Grace"): Promise<string> {
    await page.goto("/sign-up");
    const email = await fillSignUp(name);
    await page.waitForURL("**/account");
    return email;
  }
  async function fillSignUp(name = "Grace"): Promise<string> {
    users += 1;
    const email = `grace-${users}@example.com`;
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    return email;
  }
  async function fillSignIn(on: Page, email: string, password = PASSWORD): Promise<void> {
    await on.getByLabel("E-mail").fill(email);
    await on.getByLabel("Password").fill(password);
    await on.getByRole("button", { name: "Sign in" }).click();
  }

  /** Signs out, and in with the password; what comes then is the test's. */
  async function signInAgain(email: string): Promise<void> {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign up" }).first().waitFor();
    await page.goto("/sign-in?callbackURL=%2Fsecurity");
    await fillSignIn(page, email);
  }

  /** The code of the newest mail, read in a tab of its own. */
  async function readMailedCode(email: string): Promise<string> {
    const inbox = await context.newPage();
    await inbox.goto("/dev/inbox");
    const mail = inbox.getByRole("listitem").first();
    await mail.getByRole("heading", { name: "Your code" }).waitFor();
    await mail.getByText(`To ${email}`).waitFor();
    const code = await mail.locator("code").innerText();
    await inbox.close();
    return code;
  }
  /** As an authenticator shows it, "123 456". */
  const spaced = (code: string) => code.replace(/^.{3}/, "$& ");

  /** Follows the newest link of the inbox. */
  async function followMail(subject: string): Promise<void> {
    await page.goto("/");
    await page.getByRole("link", { name: "inbox", exact: true }).click();
    const mail = page.getByRole("listitem").first();
    await mail.getByRole("heading", { name: subject }).waitFor();
    await mail.getByRole("link").click();
  }

  it("when someone signs up, then their account opens with this session in the list", async () => {
    const email = await signUp();
    await page.getByText(email).waitFor();
    assert.equal(await page.getByText("this one").count(), 1);
  });

  it("when the page asked for needs a session, then signing in leads to it", async () => {
    const email = await signUp();
    await context.clearCookies();
    await page.goto("/private");
    assert.match(page.url(), /\/sign-in\?callbackURL=%2Fprivate$/);
    await fillSignIn(page, email);
    await page.waitForURL("**/private");
    await page.getByText(`Only you can see this, ${email}.`).waitFor();
  });

  it("when someone new asked for that page, then signing up leads to it", async () => {
    await page.goto("/private");
    await page.locator("main").getByRole("link", { name: "Sign up" }).click();
    await page.waitForURL("**/sign-up?callbackURL=%2Fprivate");
    const email = await fillSignUp();
    await page.waitForURL("**/private");
    await page.getByText(`Only you can see this, ${email}.`).waitFor();
  });

  it("when a link to sign-up names another site to return to, then it is refused", async () => {
    await page.goto("/sign-up?callbackURL=https://evil.example");
    await fillSignUp();
    await page.getByText("Invalid callbackURL").waitFor();
  });

  for (const path of ["/", "/sign-up", "/sign-in", "/nowhere"]) {
    it(`when someone signed in opens ${path}, then the header has their links`, async () => {
      await signUp("Grace");
      await page.goto(path);
      const header = page.getByRole("navigation");
      await header.getByRole("link", { name: "Grace" }).waitFor();
      await header.getByRole("button", { name: "Sign out" }).waitFor();
      assert.equal(await header.getByRole("link", { name: "Sign in" }).count(), 0);
    });
  }

  it("when the password is wrong, then the page says so and keeps the address", async () => {
    const email = await signUp();
    await context.clearCookies();
    await page.goto("/sign-in");
    await fillSignIn(page, email, "not the password");
    await page.getByText("Invalid email or password").waitFor();
    assert.equal(await page.evaluate("document.activeElement.id"), "alert");
    assert.equal(await page.getByLabel("E-mail").inputValue(), email);
  });

  it("when a link names another site to return to, then it is refused", async () => {
    const email = await signUp();
    await context.clearCookies();
    await page.goto("/sign-in?callbackURL=https://evil.example");
    await fillSignIn(page, email);
    await page.getByText("Invalid callbackURL").waitFor();
  });

  it("when the password is a common one, then the page says why", async () => {
    await page.goto("/sign-up");
    await page.getByLabel("Name").fill("Grace");
    await page.getByLabel("E-mail").fill("common@example.com");
    await page.getByLabel("Password").fill("password123");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("has been compromised").waitFor();
  });

  it("when a name looks like markup, then it is shown as it is", async () => {
    const name = `<img src=x onerror="alert(1)">`;
    await signUp(name);
    await page.getByRole("link", { name }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
  });

  it("when the name is changed, then it is there after a reload", async () => {
    await signUp();
    await page.getByLabel("Shown to others").fill("Rear Admiral");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("link", { name: "Rear Admiral" }).waitFor();
    await page.reload();
    await page.getByRole("link", { name: "Rear Admiral" }).waitFor();
  });

  it("when another session is ended, then that browser has to sign in again", async () => {
    const email = await signUp();
    const elsewhere = await newContext();
    const other = await elsewhere.newPage();
    await other.goto("/sign-in");
    await fillSignIn(other, email);
    await other.waitForURL("**/account");

    await page.reload();
    const others = page.getByRole("listitem").filter({ hasNotText: "this one" });
    await others.getByRole("button").click();
    await others.waitFor({ state: "detached" });

    await other.goto("/private");
    assert.match(other.url(), /\/sign-in/);
    await elsewhere.close();
  });

  it("when someone signs out, then going back shows nothing private", async () => {
    await signUp();
    await page.goto("/private");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign up" }).first().waitFor();
    await page.goBack();
    assert.match(page.url(), /\/sign-in/);
  });

  it("when rememberMe is off, then the cookies end with the browser", async () => {
    const email = await signUp();
    await context.clearCookies();
    await page.goto("/sign-in");
    await page.getByLabel("Stay signed in").uncheck();
    await fillSignIn(page, email);
    await page.waitForURL("**/account");
    const cookies = await context.cookies();
    assert.ok(cookies.length > 0);
    assert.ok(cookies.every(({ expires, httpOnly }) => expires === -1 && httpOnly));
  });

  it("when it is no administrator, then the page for those says why", async () => {
    await signUp("The administrator, if nobody was first");
    await context.clearCookies();
    await signUp();
    await page.goto("/admin");
    await page.getByText("this page is for administrators").waitFor();
    const admin = page.getByRole("navigation").getByRole("link", { name: "Admin", exact: true });
    assert.equal(await admin.count(), 0);
  });

  it("when a password was forgotten, then the mail leads to a new one", async () => {
    const email = await signUp();
    await context.clearCookies();
    await page.goto("/sign-in");
    await page.getByRole("link", { name: "Forgot password?" }).click();
    await page.getByLabel("E-mail").fill(email);
    await page.getByRole("button", { name: "Send the link" }).click();
    await page.getByText("is on its way").waitFor();
    await followMail("Reset your password");
    await page.getByLabel("New password").fill("Harbour-9-violet");
    await page.getByRole("button", { name: "Set password" }).click();
    await page.waitForURL("**/sign-in");
    await fillSignIn(page, email, "Harbour-9-violet");
    await page.waitForURL("**/account");
  });

  it("when a link for a new password is dead, then the page says so", async () => {
    await page.goto("/auth/reset-password/nothing?callbackURL=/reset-password");
    await page.getByText("This link works no longer").waitFor();
  });

  it("when the password is changed, then the new one signs in", async () => {
    const email = await signUp();
    await page.getByLabel("Current password").fill(PASSWORD);
    await page.getByLabel("New password").fill("Harbour-9-violet");
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("The password is changed.").waitFor();
    await context.clearCookies();
    await page.goto("/sign-in");
    await fillSignIn(page, email, "Harbour-9-violet");
    await page.waitForURL("**/account");
  });

  it("when the address is verified and changed, then both addresses are asked", async () => {
    const email = await signUp();
    await page.getByRole("button", { name: "Send the verification mail again" }).click();
    await page.getByText("is on its way").waitFor();
    await followMail("Verify your e-mail address");
    await page.waitForURL("**/account");
    await page.getByText("verified", { exact: true }).waitFor();

    await page.getByLabel("New e-mail").fill(`new-${email}`);
    await page.getByRole("button", { name: "Change e-mail" }).click();
    await page.getByText("is on its way").waitFor();
    await followMail("Confirm the change of your e-mail address");
    await page.waitForURL("**/account");
    await followMail("Verify your e-mail address");
    await page.waitForURL("**/account");
    await page.getByText(`new-${email}`).waitFor();
  });

  it("when a link of a mail is dead, then the account says so", async () => {
    await signUp();
    await page.goto("/auth/verify-email?token=nothing&callbackURL=/account");
    await page.getByText("The link of the mail works no longer.").waitFor();
  });

  it("when the account is deleted, then the mail's link ends it", async () => {
    const email = await signUp();
    await page.getByRole("button", { name: "Delete account" }).click();
    await page.getByText("is on its way").waitFor();
    await followMail("Confirm the deletion of your account");
    await page.locator("main").getByRole("link", { name: "Sign up" }).waitFor();
    await page.goto("/sign-in");
    await fillSignIn(page, email);
    await page.getByText("Invalid email or password").waitFor();
  });

  it("when a second factor is set up, then codes, backup codes and a trusted browser sign in", async () => {
    const email = await signUp();
    await page.getByRole("link", { name: "Codes, backup codes, trusted browsers" }).click();
    const setUp = page.locator("form[data-show=set-up]");
    await setUp.getByLabel("Password").fill("not the password");
    await setUp.getByRole("button", { name: "Set up" }).click();
    await page.getByText("Invalid password").waitFor();
    await setUp.getByLabel("Password").fill(PASSWORD);
    await setUp.getByRole("button", { name: "Set up" }).click();
    await page.locator("svg").waitFor();
    const uri = await page
      .getByRole("link", { name: "open it on this device" })
      .getAttribute("href");
    const totp = URI.parse(uri ?? "");
    assert.ok(totp instanceof TOTP);
    const firstCodes = await page.locator("#set-up code").allTextContents();
    assert.equal(firstCodes.length, 10);
    // Each step counts once: those before, at and after the present one are three.
    const codeOf = (steps: number) => totp.generate({ timestamp: Date.now() + steps * 30_000 });
    await page.getByLabel("Code of the authenticator").fill(codeOf(-1));
    await page.getByRole("button", { name: "Switch on" }).click();
    await page.getByRole("button", { name: "Switch off" }).waitFor();

    await signInAgain(email);
    await page.waitForURL("**/sign-in/code?callbackURL=%2Fsecurity&methods=totp%2Cotp");
    await page.getByLabel("Code of the authenticator").fill("12 456");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText("Invalid code").waitFor();
    await page.getByLabel("Code of the authenticator").fill(spaced(codeOf(1)));
    await page.getByLabel("Trust this browser").first().check();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.waitForURL("**/security");
    await page.getByText("trusted until").waitFor();
    await page.getByText("Chrome on Linux").waitFor();

    await signInAgain(email);
    await page.waitForURL("**/security");
    await page.getByRole("button", { name: "Trust Chrome on Linux no more" }).click();
    await page.getByText("None: each sign-in asks for a code.").waitFor();

    const replace = page.locator("form[data-show=codes]");
    await replace.getByLabel("Password").fill(PASSWORD);
    await replace.getByRole("button").click();
    await page.locator("#codes code").first().waitFor();
    const [backupCode = ""] = await page.locator("#codes code").allTextContents();
    await signInAgain(email);
    await page.getByLabel("Backup code").fill(firstCodes[0] ?? "");
    await page.getByRole("button", { name: "Use it up" }).click();
    await page.getByText("Invalid backup code").waitFor();
    await page.getByLabel("Backup code").fill(backupCode);
    await page.getByRole("button", { name: "Use it up" }).click();
    await page.waitForURL("**/security");
    await signInAgain(email);
    await page.getByLabel("Backup code").fill(backupCode);
    await page.getByRole("button", { name: "Use it up" }).click();
    await page.getByText("Invalid backup code").waitFor();
  });

  it("when codes are mailed, then the newest one signs in, spaces or not", async () => {
    const email = await signUp();
    await page.goto("/security");
    const form = page.locator("form", { hasText: "Use mailed codes" });
    await form.getByLabel("Password").fill(PASSWORD);
    await form.getByRole("button").click();
    await page.getByRole("button", { name: "Switch off" }).waitFor();

    await signInAgain(email);
    await page.waitForURL("**/sign-in/code?callbackURL=%2Fsecurity&methods=otp");
    assert.equal(await page.getByLabel("Code of the authenticator").count(), 0);
    await page.getByRole("button", { name: "Mail me a code" }).click();
    await page.getByText("A code is on its way.").waitFor();
    const code = await readMailedCode(email);
    assert.match(code, /^\d{6}$/);
    await page
      .getByLabel("Code of the mail")
      .fill(code.replace(/.$/, (last) => String(9 - Number(last))));
    await page.getByRole("button", { name: "Confirm" }).click();
    await page.getByText("Invalid code").waitFor();
    await page.getByLabel("Code of the mail").fill(spaced(code));
    await page.getByRole("button", { name: "Confirm" }).click();
    await page.waitForURL("**/security");
    await page.getByRole("button", { name: "Switch off" }).waitFor();
  });

  for (const path of [
    "/",
    "/sign-up",
    "/sign-in",
    "/sign-in/code",
    "/forgot-password",
    "/account",
    "/security",
    "/private",
  ]) {
    it(`when a small phone opens ${path}, then nothing has to be scrolled sideways`, async () => {
      await signUp("Grace Brewster Murray Hopper of the United States Navy");
      await page.goto(path);
      const tooWide = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
      assert.equal(await page.evaluate(tooWide), false);
    });
  }

  it("when every field is looked at, then each has a label", async () => {
    await signUp();
    for (const path of [
      "/account",
      "/security",
      "/sign-in",
      "/sign-in/code",
      "/sign-up",
      "/forgot-password",
    ]) {
      await page.goto(path);
      const unlabelled =
        "[...document.querySelectorAll('input:not([type=hidden])')].filter(({ labels }) => labels.length === 0).length";
      assert.equal(await page.evaluate(unlabelled), 0);
    }
  });
});
