/** Keeps cookies as a browser does, as far as names, values and `Max-Age=0` go. */
export interface Jar {
  readonly cookies: Map<string, string>;
  /** Takes the `Set-Cookie` lines of an answer. Throws when they name a cookie twice. */
  readonly take: (lines: readonly string[]) => void;
  /** Value of the `Cookie` header. */
  readonly header: () => string;
}

/** An empty jar, or one that holds a `Cookie` header. */
export function createJar(header = ""): Jar {
  const pairs = header.split("; ").filter((pair) => pair !== "");
  const cookies = new Map(pairs.map(nameAndValue));
  return {
    cookies,
    take(lines) {
      const names = lines.map((line) => nameAndValue(line)[0]);
      if (new Set(names).size < names.length) throw new Error(`set twice: ${names.join(", ")}`);
      for (const line of lines) {
        const [name, value] = nameAndValue(line.split(";")[0] ?? "");
        if (/; Max-Age=0(?:;|$)/.test(line)) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    header: () => [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
  };
}

function nameAndValue(pair: string): [name: string, value: string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}
