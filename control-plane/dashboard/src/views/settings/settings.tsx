// What a person sets: credentials for their workspaces, what runs after a start, and this browser.

import { Page, Section } from "@/parts/page";
import { Browser } from "./browser";
import { Credentials } from "./credentials";
import { ScriptsForm } from "./scripts";

export default function Settings() {
  return (
    <Page title="Settings">
      <div className="grid max-w-3xl gap-2">
        <Section title="Credentials">
          <Credentials />
        </Section>
        <Section title="After a start">
          <ScriptsForm />
        </Section>
        <Section title="This browser">
          <Browser />
        </Section>
      </div>
    </Page>
  );
}
