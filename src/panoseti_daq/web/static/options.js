/** What the user chose: kept in the address (?view=), so that a link shows the same. */

export const DEFAULTS = {
  modules: "", kinds: "both", levels: "auto", low: "0", high: "1000", scale: "linear", colors: "plasma",
  orientation: "as stored", hz: "10", depth: "16", night: "", large: "", at: "",
};

/** @param {string} search part of an address that begins with ? */
export function readOptions(search) {
  const given = new URLSearchParams(new URLSearchParams(search).get("view") ?? "");
  const options = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS)) if (given.has(name)) options[name] = given.get(name);
  return options;
}

/** @returns {string} the part of an address; empty for what is shown anyway */
export function writeOptions(options) {
  const changed = Object.entries(options).filter(([name, value]) => value !== DEFAULTS[name]);
  return changed.length ? `?view=${encodeURIComponent(new URLSearchParams(changed))}` : "";
}

/** Modules of a text such as 1,3-5. */
export function modulesOf(text) {
  const modules = [];
  for (const part of text.split(",")) {
    const [first, last] = part.split("-").map(Number);
    for (let i = first; part && i <= (last ?? first) && i < 256; i++) modules.push(i);
  }
  return modules;
}
