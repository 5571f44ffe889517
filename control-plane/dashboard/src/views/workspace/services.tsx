// The services of a workspace: how healthy, and where they answer.

import { Waypoints } from "lucide-react";
import { Link } from "react-router";
import { Empty } from "@/parts/empty";
import { Section } from "@/parts/page";
import { ServiceBadge } from "@/parts/standing";
import { Cell, Head, Table } from "@/ui/table";
import { Ports } from "../workspaces/connect";
import { useShownWorkspace } from "./workspace";

export default function Services() {
  const workspace = useShownWorkspace();
  const services = Object.entries(workspace.services);
  if (services.length === 0) {
    return (
      <Empty icon={Waypoints} title="No services">
        Neither the request nor <code>.nexus/config.yaml</code> in the repository names any.
      </Empty>
    );
  }
  return (
    <>
      <Section title="Services">
        <Table label="Services">
          <thead>
            <tr>
              <Head>Name</Head>
              <Head>Health</Head>
              <Head>Port</Head>
              <Head>Address</Head>
              <Head>Output</Head>
            </tr>
          </thead>
          <tbody>
            {services.map(([name, service]) => (
              <tr key={name}>
                <Cell className="font-medium">{name}</Cell>
                <Cell>
                  <ServiceBadge status={service.status} />
                  {service.cause && <p className="mt-1 max-w-sm text-bad">{service.cause}</p>}
                </Cell>
                <Cell>{service.port ?? "none"}</Cell>
                <Cell className="whitespace-nowrap">
                  {service.url ? (
                    <a
                      className="link"
                      href={service.url}
                      target="_blank"
                      rel="noopener noreferrer"
                    >
                      {service.url}
                    </a>
                  ) : (
                    "none"
                  )}
                </Cell>
                <Cell>
                  <Link
                    className="link"
                    aria-label={`Logs of ${name}`}
                    to={`/workspaces/${workspace.id}/logs?step=service-${name}`}
                  >
                    logs
                  </Link>
                </Cell>
              </tr>
            ))}
          </tbody>
        </Table>
      </Section>
      <Ports workspace={workspace} />
    </>
  );
}
