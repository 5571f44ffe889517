// Where a fault of a view ends: it takes its own place with it, not the page around it.

import { Component, type ErrorInfo, type ReactNode } from "react";
import { Trouble } from "./trouble";

interface Props {
  /** What is shown here; another view gets another chance. */
  of: string;
  children: ReactNode;
}

interface State {
  error: unknown;
  of: string;
}

export class Boundary extends Component<Props, State> {
  override state: State = { error: undefined, of: this.props.of };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error ?? new Error("nothing was said") };
  }

  static getDerivedStateFromProps({ of }: Props, before: State): Partial<State> | null {
    return of === before.of ? null : { of, error: undefined };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo) {
    console.warn("a view failed", error, info.componentStack);
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="mx-auto w-full max-w-6xl px-4 py-5 sm:px-6">
        <h1 className="mb-4 text-lg font-semibold tracking-tight">This view cannot be shown</h1>
        <Trouble
          problem={{
            title: "A part of the page did not come or failed",
            detail: error instanceof Error ? error.message : String(error),
            hint: "try again; where that does not help, look for the cause with `nexus doctor`",
          }}
          onRetry={() => window.location.reload()}
        />
      </div>
    );
  }
}
