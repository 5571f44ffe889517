// What stands where nothing is yet, and how that changes.

import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

interface Props {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ icon: Icon, title, children, action }: Props) {
  return (
    <div className="grid justify-items-center gap-1 rounded-md border border-dashed border-border px-6 py-12 text-center">
      <Icon aria-hidden className="mb-1 size-6 text-muted" strokeWidth={1.5} />
      <h2 className="font-semibold">{title}</h2>
      {children && <div className="max-w-md text-muted">{children}</div>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}
