/** A browser without a screen or scripts: reads forms, posts them, follows redirects, keeps cookies. */
export interface Form {
  action: string;
  method: string;
  /** Names and values as they would be sent, buttons left out. */
  fields: Record<string, string>;
  buttons: { name: string; value: string; label: string }[];
  html: string;
}

export class Visitor {
  url = "about:blank";
  status = 0;
  html = "";
  #cookies = new Map<string, string>();

  /** Opens an address, relative ones from the page that is open. */
  async open(address: string): Promise<this> {
    return this.#go(new URL(address, this.url === "about:blank" ? undefined : this.url), { method: "GET" });
  }

  forms(): Form[] {
    return [...this.html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head = "", html = ""]) => ({
      action: attribute(head, "action") ?? "",
      method: (attribute(head, "method") ?? "get").toUpperCase(),
      fields: fieldsOf(html),
      buttons: [...html.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map(([, button = "", label = ""]) => ({
        name: attribute(button, "name") ?? "",
        value: attribute(button, "value") ?? "",
        label: text(label),
      })),
      html,
    }));
  }

  /** Sends the form that has a button with this label, filled in with these values. */
  async submit(label: RegExp, values: Record<string, string> = {}): Promise<this> {
    const forms = this.forms();
    const form = forms.find(({ buttons }) => buttons.some((button) => label.test(button.label)));
    if (!form) {
      const labels = forms.flatMap(({ buttons }) => buttons.map((button) => button.label));
      throw new Error(`no button ${label} at ${this.url}; there are: ${labels.join(", ")}\n${text(this.html)}`);
    }
    for (const name of Object.keys(values)) {
      if (!form.html.includes(`name="${name}"`)) throw new Error(`the form has no field ${name}:\n${form.html}`);
    }
    const button = form.buttons.find((button) => label.test(button.label));
    const body = new URLSearchParams({ ...form.fields, ...values });
    if (button?.name) body.set(button.name, button.value);
    const address = new URL(form.action || this.url, this.url);
    if (form.method === "GET") {
      address.search = body.toString();
      return this.#go(address, { method: "GET" });
    }
    return this.#go(address, {
      method: "POST",
      body: body.toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  }

  /** The page as read. */
  text(): string {
    return text(this.html);
  }

  /**
   * Goes on until an answer is no redirect. A host that cannot be reached ends the way too: where a page
   * sends one is often nobody's.
   */
  async #go(start: URL, init: { method: string; body?: string; headers?: Record<string, string> }): Promise<this> {
    let address = start;
    let request = init;
    for (let hop = 0; hop < 10; hop += 1) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      this.url = address.href;
      const response = await fetch(address, {
        ...request,
        headers: { ...request.headers, ...(cookie ? { cookie } : {}) },
        redirect: "manual",
      });
      for (const line of response.headers.getSetCookie()) {
        const [name = "", value = ""] = (line.split(";")[0] ?? "").split(/=(.*)/s);
        this.#cookies.set(name, value);
      }
      this.status = response.status;
      this.html = await response.text();
      const next = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || next === null) return this;
      address = new URL(next, address);
      if (address.hostname.endsWith(".test")) {
        this.url = address.href;
        return this;
      }
      request = { method: "GET" };
    }
    throw new Error(`too many redirects, last to ${address.href}`);
  }
}

function fieldsOf(html: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [, input = ""] of html.matchAll(/<input\b([^>]*)>/gi)) {
    const name = attribute(input, "name");
    const kind = attribute(input, "type") ?? "text";
    const chosen = /\bchecked\b/i.test(input) || !["checkbox", "radio"].includes(kind);
    if (name && chosen && kind !== "submit") fields[name] = attribute(input, "value") ?? "";
  }
  for (const [, head = "", options = ""] of html.matchAll(/<select\b([^>]*)>([\s\S]*?)<\/select>/gi)) {
    const name = attribute(head, "name");
    const all = [...options.matchAll(/<option\b([^>]*)>/gi)].map(([, option = ""]) => option);
    const chosen = all.find((option) => /\bselected\b/i.test(option)) ?? all[0];
    if (name && chosen !== undefined) fields[name] = attribute(chosen, "value") ?? "";
  }
  return fields;
}

function attribute(head: string, name: string): string | undefined {
  const match = head.match(new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i"));
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? undefined : unescape(value);
}

function text(html: string): string {
  return unescape(html.replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]*>/g, " "))
    .replace(/\s+/g, " ")
    .trim();
}

function unescape(value: string): string {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'", nbsp: " " };
  return value.replace(/&(#?\w+);/g, (whole, name: string) => names[name] ?? whole);
}
