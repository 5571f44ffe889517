// Where the dashboard begins.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "@/styles/app.css";
import { App } from "@/app";
import { startTheme } from "@/lib/theme";

startTheme();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
