// The way in: a token, exchanged for a cookie that no script can read.

import { type FormEvent, useEffect, useState } from "react";
import { Navigate, useSearchParams } from "react-router";
import { problemOf } from "@/api/refused";
import type { Problem } from "@/api/types";
import { askWhoIAm, session, signInWith } from "@/data/session";
import { useStore } from "@/data/store";
import { Brand } from "@/layout/navigation";
import { Trouble } from "@/parts/trouble";
import { Button } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { Field } from "@/ui/field";
import { Input } from "@/ui/input";

/** A path of this page only: `//elsewhere` and full URLs lead nowhere. */
export function safeNext(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : "/workspaces";
}

export default function SignIn() {
  const now = useStore(session);
  const [parameters] = useSearchParams();
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    document.title = "Sign in · Nexus";
    if (session.read().at === "asking") void askWhoIAm();
  }, []);
  const next = safeNext(parameters.get("next"));
  const elsewhere = next.startsWith("/terminal.html");
  useEffect(() => {
    // A page of its own, not a view of this one.
    if (now.at === "in" && elsewhere) location.replace(next);
  }, [now.at, elsewhere, next]);
  if (now.at === "in") return elsewhere ? null : <Navigate to={next} replace />;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await signInWith(token.trim());
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  return (
    <main className="grid min-h-dvh content-center justify-items-center p-4">
      <div className="w-full max-w-sm">
        <Brand />
        <h1 className="mt-5 text-xl font-semibold tracking-tight">Sign in</h1>
        <p className="mt-1 mb-5 text-muted">
          With an access token. This browser keeps a session of its own for 12 hours; signing out
          ends it.
        </p>
        <form onSubmit={submit} className="grid gap-4">
          <Field label="Token">
            <Input
              type="password"
              name="token"
              autoComplete="current-password"
              spellCheck={false}
              required
              value={token}
              onChange={(event) => setToken(event.target.value)}
              className="h-9 font-mono"
            />
          </Field>
          {problem && <Trouble problem={problem} />}
          <Button type="submit" variant="primary" disabled={busy || !token.trim()} className="h-9">
            {busy ? "Signing in…" : "Sign in"}
          </Button>
        </form>
        <section
          aria-label="Where to find one"
          className="mt-8 grid gap-3 border-t border-border pt-5"
        >
          <div>
            <p className="mb-1 font-medium">On the machine nexusd runs on</p>
            <CopyLine text="cat ~/.nexus/token" label="the command that shows it" />
          </div>
          <div>
            <p className="mb-1 font-medium">For anybody else, and to be taken back later</p>
            <CopyLine text="nexus token issue" label="the command that issues one" />
          </div>
        </section>
      </div>
    </main>
  );
}
