// Styles that xterm.js makes while it runs, without inline styles.
//
// xterm.js writes its theme and sizes into `<style>` elements, and colours of single letters into
// `style` attributes; a content security policy without `unsafe-inline` refuses both. Given the
// document below instead of the page's own, it gets elements whose text becomes a constructed style
// sheet and whose `style` attribute is written through the object model; neither is an inline style.

type Make = (tag: string, options?: ElementCreationOptions) => HTMLElement;

const make: Make = Document.prototype.createElement.bind(document);

/** Stands where a style element would; its text is a style sheet that the document adopts. */
function adopted(): HTMLElement {
  const element = make("span");
  const sheet = new CSSStyleSheet();
  let text = "";
  element.hidden = true;
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperties(element, {
    sheet: { get: () => sheet },
    textContent: {
      get: () => text,
      set: (next: string) => {
        text = next;
        sheet.replaceSync(next);
      },
    },
    remove: {
      value: () => {
        document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
        Element.prototype.remove.call(element);
      },
    },
  });
  return element;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

const createElement: Make = (tag, options) => {
  if (tag === "style") return adopted();
  const element = make(tag, options);
  if (tag === "span") element.setAttribute = setAttribute;
  return element;
};

/** This document, except for how elements are made. */
export const documentForTerminals: Document = new Proxy(document, {
  get(target, name) {
    if (name === "createElement") return createElement;
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === "function" ? (value.bind(target) as unknown) : value;
  },
});

/**
 * Does `work` while the page's own document makes elements the same way: one of xterm.js's style
 * elements is asked of it whatever document was given.
 */
export function adoptingStyles(work: () => void): void {
  Object.defineProperty(document, "createElement", { value: createElement, configurable: true });
  try {
    work();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}
