// Keeps the page fresh while nobody is in the middle of something.
const refresh = async () => {
  const main = document.getElementById("world");
  if (document.hidden || main.contains(document.activeElement)) return;
  const response = await fetch("/");
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("world");
  for (const details of main.querySelectorAll("details[id]")) {
    const twin = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (twin) twin.open = details.open;
  }
  if (fresh.innerHTML !== main.innerHTML) main.replaceWith(fresh);
};
setInterval(() => refresh().catch(() => undefined), 2000);
