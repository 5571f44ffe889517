// Where one can go: the navigation, the palette and the keys that lead there.

import {
  Boxes,
  CircleUser,
  Database,
  Inbox,
  ListChecks,
  type LucideIcon,
  Radio,
  Server,
  Settings,
} from "lucide-react";

export interface Place {
  to: string;
  label: string;
  icon: LucideIcon;
  /** Pressed after `g`. */
  key: string;
  /** Only an administrator may look. */
  admin?: boolean;
}

export const places: Place[] = [
  { to: "/workspaces", label: "Workspaces", icon: Boxes, key: "w" },
  { to: "/events", label: "Live tail", icon: Radio, key: "e" },
  { to: "/operations", label: "Operations", icon: ListChecks, key: "o" },
  { to: "/nodes", label: "Nodes", icon: Server, key: "n" },
  { to: "/parked", label: "Parked messages", icon: Inbox, key: "m", admin: true },
  { to: "/projections", label: "Projections", icon: Database, key: "p" },
  { to: "/users", label: "Users and tokens", icon: CircleUser, key: "u" },
  { to: "/settings", label: "Settings", icon: Settings, key: "s" },
];
