// Chooses dark or light before the page is first drawn: a classic script in the head, hence the block. The
// system decides until the button is used; the choice is kept in this browser. Dispatches "themechange" on window.
{
  const key = "sluice.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");

  // Storage may be forbidden; then the choice lasts as long as the page.
  const stored = (): string | null => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const store = (theme: string): void => {
    try {
      localStorage.setItem(key, theme);
    } catch {
      // see above
    }
  };
  const show = (theme: string): void => {
    document.documentElement.dataset.theme = theme;
    dispatchEvent(new Event("themechange"));
  };
  const wanted = () => stored() ?? (system.matches ? "dark" : "light");

  show(wanted());
  system.addEventListener("change", () => show(wanted()));
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      store(theme);
      show(theme);
    });
  });
}
