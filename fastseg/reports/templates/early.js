// The theme that was chosen before, before anything is painted.
(() => {
  const root = document.documentElement;
  let kept = null;
  try { kept = localStorage.getItem("fastseg-theme"); } catch { /* a page that may keep nothing */ }
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "dark" : "light";
  root.classList.toggle("dark", dark);
  root.classList.add("scripted");
})();
