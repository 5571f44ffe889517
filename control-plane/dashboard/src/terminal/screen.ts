// An xterm.js terminal as we use it: the add-ons, the safeguards, the colours.
//
// Programs inside are not trusted: their titles are not shown, questions about titles and the
// clipboard are not answered, links open only after somebody confirmed where they lead.

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { type ITheme, Terminal } from "@xterm/xterm";
import { textOf } from "./clipboard";
import { adoptingStyles, allowStyleAttributes } from "./styles";

export interface Screen {
  terminal: Terminal;
  fit: FitAddon;
  search: SearchAddon;
  dispose(): void;
}

export interface ScreenOptions {
  theme: ITheme;
  fontSize: number;
  readOnly: boolean;
  /** Asks the person whether to go there. */
  onLink(url: string): void;
  /** A program wants this on the clipboard. */
  onCopy(text: string): void;
}

export function openScreen(into: HTMLElement, options: ScreenOptions): Screen {
  const terminal = new Terminal({
    allowProposedApi: true,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    disableStdin: options.readOnly,
    fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: options.fontSize,
    linkHandler: { activate: (_, url) => follow(url, options), allowNonHttpProtocols: false },
    macOptionIsMeta: true,
    minimumContrastRatio: 4.5,
    screenReaderMode: false,
    scrollback: 10_000,
    theme: options.theme,
    windowOptions: {},
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  terminal.loadAddon(new WebLinksAddon((_, url) => follow(url, options)));
  guardClipboard(terminal, options);
  allowStyleAttributes();
  adoptingStyles(() => terminal.open(into));
  accelerate(terminal);
  return { terminal, fit, search, dispose: () => terminal.dispose() };
}

function follow(url: string, { onLink }: ScreenOptions): void {
  if (/^https?:\/\//i.test(url)) onLink(url);
}

/** OSC 52: writing is offered, reading never answered. */
function guardClipboard(terminal: Terminal, { onCopy }: ScreenOptions): void {
  terminal.parser.registerOscHandler(52, (data) => {
    const text = textOf(data);
    if (text) onCopy(text);
    return true;
  });
}

/** Draws by WebGL where there is any; where the context is lost, by elements as before. */
function accelerate(terminal: Terminal): void {
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    terminal.loadAddon(webgl);
  } catch {
    // No WebGL here: xterm.js draws elements.
  }
}
