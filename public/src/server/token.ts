// The token that this tab has: a stream key that was asked for, or what came with the address of the page.

const slot = "sluice.key";

export const storedKey = () => sessionStorage.getItem(slot) ?? "";
export const keepKey = (key: string) => sessionStorage.setItem(slot, key);
export const forgetKey = () => sessionStorage.removeItem(slot);

/** What to show to the server where somebody watches: the token of a link goes before the key. */
export const viewerToken = () => new URLSearchParams(location.search).get("token") || storedKey();

/** The address with the token, for what can send no header: players, pictures and EventSource. */
export function withToken(url: string, token = viewerToken()): string {
  return token === "" ? url : `${url}${url.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`;
}

/** The header for what can. */
export const authorization = (token = viewerToken()): Record<string, string> => (token === "" ? {} : { Authorization: `Bearer ${token}` });

/** Keeps the token behind the # of the address of a link, and takes it out of there, where others could read it. */
export function takeToken(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  keepKey(token);
  history.replaceState(null, "", location.pathname + location.search);
}
