(async (js, wasm) => {
  const mod = await import(js);
  await mod.default({ module_or_path: wasm });
  mod.hydrate();
  const inside = [];
  const visit = (node) => {
    const tag = node.localName;
    if (tag === "leptos-island") {
      const wake = mod[node.dataset.component];
      if (wake) {
        inside.at(-1)?.();
        wake(node);
      }
    } else if (tag === "leptos-children") {
      inside.push(node.$$on_hydrate);
    }
    for (const child of node.children) visit(child);
    if (tag === "leptos-children") inside.pop();
  };
  visit(document.body);
  document.documentElement.dataset.awake = "";
});
