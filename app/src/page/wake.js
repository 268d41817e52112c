(async (js, wasm) => {
  const wake = async () => {
    const bytes = fetch(wasm);
    const mod = await import(js);
    await mod.default({ module_or_path: bytes });
    mod.hydrate();
    for (const island of document.querySelectorAll("leptos-island")) {
      mod[island.dataset.component]?.(island);
    }
  };
  if (document.querySelector("leptos-island")) await wake();
  document.documentElement.dataset.awake = "";
});
