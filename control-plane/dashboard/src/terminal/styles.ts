// Style sheets that xterm.js makes while it runs, without inline styles.
//
// xterm.js writes its theme and sizes into `<style>` elements, which a content security policy
// without `unsafe-inline` refuses. Given this document instead, it gets elements whose text becomes a
// constructed style sheet, which is no inline style.

function adopting(element: HTMLStyleElement): HTMLStyleElement {
  const sheet = new CSSStyleSheet();
  let text = "";
  document.adoptedStyleSheets.push(sheet);
  const write = (next: string) => {
    text = next;
    sheet.replaceSync(next);
  };
  Object.defineProperty(element, "textContent", { get: () => text, set: write });
  Object.defineProperty(element, "innerText", { get: () => text, set: write });
  Object.defineProperty(element, "sheet", { get: () => sheet });
  const remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    Element.prototype.remove.call(element);
  };
  Object.defineProperty(element, "remove", { value: remove });
  return element;
}

/** This document, except for the style elements it makes. */
export const documentForTerminals: Document = new Proxy(document, {
  get(target, name) {
    if (name === "createElement") {
      return (tag: string, options?: ElementCreationOptions) => {
        const element = target.createElement(tag, options);
        return tag === "style" ? adopting(element as HTMLStyleElement) : element;
      };
    }
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === "function" ? (value.bind(target) as unknown) : value;
  },
});
