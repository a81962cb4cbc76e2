// Where the service stands on its host: at the top, or below a path under which a reverse proxy shows it.

/** That path, without a slash at the end, as the address of one of our scripts has it; empty at the top. */
export const baseOf = (script: string) => /^(.*)\/assets\/[^/]*$/.exec(new URL(script).pathname)?.[1] ?? "";

/** The path of something that the service serves, such as /time, as this page reaches it; or as one of another site does, by its base. */
export const at = (path: string, base = baseOf(import.meta.url)) => base + path;
