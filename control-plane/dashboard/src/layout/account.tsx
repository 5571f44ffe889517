// Who is signed in, the colours, and the way out.

import { Keyboard, LogOut, MoonStar, Settings, SunMedium, UserRound } from "lucide-react";
import { useNavigate } from "react-router";
import { useUsers } from "@/data/queries";
import { isAdmin, session, signOut } from "@/data/session";
import { useStore } from "@/data/store";
import { short } from "@/lib/id";
import { chooseTheme, useTheme } from "@/lib/theme";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "@/ui/menu";

export function Account({ onHelp }: { onHelp(): void }) {
  const now = useStore(session);
  const users = useUsers();
  const navigate = useNavigate();
  const { resolved } = useTheme();
  if (now.at !== "in") return null;
  const { user_id: id } = now.identity;
  const user = users.data?.find((each) => each.id === id);
  const name = user?.github_login ?? (id ? short(id) : "operator");
  return (
    <Menu
      trigger={
        <Button
          variant="ghost"
          className="min-w-0 flex-1 justify-start px-2"
          aria-label={`Account: ${name}`}
        >
          <UserRound aria-hidden /> <span className="truncate">{name}</span>
        </Button>
      }
    >
      <MenuLabel>{isAdmin(now) ? "May do everything" : "May do what is their own"}</MenuLabel>
      <MenuItem onSelect={() => chooseTheme(resolved === "dark" ? "light" : "dark")}>
        {resolved === "dark" ? <SunMedium aria-hidden /> : <MoonStar aria-hidden />}
        {resolved === "dark" ? "Light colours" : "Dark colours"}
      </MenuItem>
      <MenuItem onSelect={onHelp}>
        <Keyboard aria-hidden /> Keys
      </MenuItem>
      <MenuItem onSelect={() => navigate("/settings")}>
        <Settings aria-hidden /> Settings
      </MenuItem>
      <MenuSeparator />
      <MenuItem onSelect={() => void signOut()}>
        <LogOut aria-hidden /> Sign out
      </MenuItem>
    </Menu>
  );
}
