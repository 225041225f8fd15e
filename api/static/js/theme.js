// Set the theme before the first paint, so that the page does not flash in the wrong colours.
try {
  const theme = localStorage.getItem("explorer.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // The browser blocks storage. The page follows the system's theme.
}
