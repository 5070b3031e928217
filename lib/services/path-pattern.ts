/**
 * Whether a route pattern is meant by an entry of a configuration: the path itself, or one with `*` (any characters
 * but `/`) and `**` (any characters).
 */
export function isListedPath(path: string, entry: string): boolean {
  if (!entry.includes("*")) return path === entry;
  const parts = entry.split(/(\*\*?)/).map((part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`).test(path);
}

/** Whether one of these route patterns is listed, or lies below a listed one (at a slash). */
export function isBelow(paths: readonly string[], listed: readonly string[]): boolean {
  return listed.some((entry) => {
    const base = entry.replace(/\/+$/, "");
    return paths.some((path) => path === base || path.startsWith(`${base}/`));
  });
}
