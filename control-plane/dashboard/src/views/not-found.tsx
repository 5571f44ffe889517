// There is no such page.

import { Compass } from "lucide-react";
import { Link, useLocation } from "react-router";
import { Empty } from "@/parts/empty";
import { Page } from "@/parts/page";
import { Button } from "@/ui/button";

export default function NotFound() {
  const { pathname } = useLocation();
  return (
    <Page title="No such page">
      <Empty
        icon={Compass}
        title="Nothing is here"
        action={
          <Button asChild>
            <Link to="/workspaces">To the workspaces</Link>
          </Button>
        }
      >
        No page is called <code>{pathname}</code>.
      </Empty>
    </Page>
  );
}
