// Styles that xterm.js makes while it runs, without inline styles.
//
// xterm.js writes its theme and sizes into `<style>` elements, and colours of single letters into
// `style` attributes; a content security policy without `unsafe-inline` refuses both. Here the text
// of those elements becomes a constructed style sheet, and the attribute is written through the
// object model: to the same effect, and neither is an inline style.

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
        const others = document.adoptedStyleSheets.filter((each) => each !== sheet);
        document.adoptedStyleSheets = others;
        Element.prototype.remove.call(element);
      },
    },
  });
  return element;
}

const createElement: Make = (tag, options) => (tag === "style" ? adopted() : make(tag, options));

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

/** Lets `style` attributes that scripts set go through the object model, on the whole page. */
export function allowStyleAttributes(): void {
  HTMLElement.prototype.setAttribute = setAttribute;
}

/** Does `work`, which opens a terminal, while style elements are made as above. */
export function adoptingStyles(work: () => void): void {
  Object.defineProperty(document, "createElement", { value: createElement, configurable: true });
  try {
    work();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}
