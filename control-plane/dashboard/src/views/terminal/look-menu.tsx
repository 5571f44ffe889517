// Size of the letters, and colours.

import { AArrowDown, AArrowUp, Palette } from "lucide-react";
import { useStore } from "@/data/store";
import { changeLook, type Look, look } from "@/terminal/look";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "@/ui/menu";

const COLOURS: [value: Look["colours"], label: string][] = [
  ["page", "as the page"],
  ["dark", "dark"],
  ["light", "light"],
];

export function LookMenu() {
  const { fontSize, colours } = useStore(look);
  const size = (by: number) => (event: Event) => {
    event.preventDefault();
    changeLook({ fontSize: fontSize + by });
  };
  return (
    <Menu
      trigger={
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label="Letters and colours"
          title="Letters and colours"
        >
          <Palette aria-hidden />
        </Button>
      }
    >
      <MenuLabel>Letters: {fontSize} px</MenuLabel>
      <MenuItem onSelect={size(1)}>
        <AArrowUp aria-hidden /> Larger
      </MenuItem>
      <MenuItem onSelect={size(-1)}>
        <AArrowDown aria-hidden /> Smaller
      </MenuItem>
      <MenuSeparator />
      <MenuLabel>Colours</MenuLabel>
      {COLOURS.map(([value, label]) => (
        <MenuItem key={value} onSelect={() => changeLook({ colours: value })}>
          {label}
          {colours === value && <span className="ml-auto text-muted">now</span>}
        </MenuItem>
      ))}
    </Menu>
  );
}
