// SPDX-License-Identifier: Apache-2.0
// The console's frame: session, navigation, and a router over location.hash ("#/devices/12").
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Session, resume, signOut, signedOut } from "./api";
import { Problem } from "./parts";
import { AccountPage } from "./pages/account";
import { CommandsPage } from "./pages/commands";
import { DevicePage } from "./pages/device";
import { DevicesPage } from "./pages/devices";
import { EnrollPage } from "./pages/enroll";
import { EventsPage } from "./pages/events";
import { FleetsPage } from "./pages/fleets";
import { OverviewPage } from "./pages/overview";
import { SignInPage } from "./pages/sign-in";

interface Route { path: RegExp; page: (params: string[], query: URLSearchParams, session: Session) => preact.JSX.Element }

const ROUTES: Route[] = [
  { path: /^\/?$/, page: () => <OverviewPage /> },
  { path: /^\/devices$/, page: (_, query) => <DevicesPage filter={query.get("filter") ?? ""} /> },
  { path: /^\/devices\/(\d+)$/, page: ([id]) => <DevicePage id={Number(id)} /> },
  { path: /^\/fleets(?:\/(\d+))?$/, page: ([id]) => <FleetsPage id={id ? Number(id) : 0} /> },
  { path: /^\/commands$/, page: (_, query) => <CommandsPage state={query.get("state") ?? ""} /> },
  { path: /^\/enroll$/, page: () => <EnrollPage /> },
  { path: /^\/account$/, page: (_, __, session) => <AccountPage session={session} /> },
  { path: /^\/events$/, page: () => <EventsPage /> },
];

const NAVIGATION = [["#/", "Overview"], ["#/devices", "Devices"], ["#/fleets", "Fleets"], ["#/commands", "Commands"], ["#/enroll", "Enroll"], ["#/events", "Events"]];

const at = (here: string, href: string) => here === href || (href !== "#/" && here.startsWith(href));

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash.replace(/^#/, "") || "/";
}

function page(hash: string, session: Session) {
  const [path, query] = hash.split("?", 2);
  for (const route of ROUTES) {
    const m = route.path.exec(path);
    if (m) return route.page(m.slice(1), new URLSearchParams(query), session);
  }
  return <p class="empty">There is no such page. <a href="#/">Overview</a></p>;
}

function App() {
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [error, setError] = useState<Error | null>(null);
  const hash = useHash();
  useEffect(() => {
    signedOut(() => setSession(null));
    resume().then(setSession, setError);
  }, []);
  const here = "#" + hash.split("?")[0];
  useEffect(() => { document.title = [NAVIGATION.find(([href]) => at(here, href))?.[1], "Reeve"].filter(Boolean).join(" – "); }, [here]);
  if (session === undefined) return <main><Problem error={error} /></main>;
  if (session === null) return <SignInPage onSignedIn={setSession} />;
  return (
    <>
      <nav>
        <a class="brand" href="#/"><img src="/console/icon.svg" alt="" />Reeve</a>
        {NAVIGATION.map(([href, text]) => (
          <a href={href} aria-current={at(here, href) ? "page" : undefined}>{text}</a>
        ))}
        <span class="who"><a href="#/account" title="Change the password">{session.administrator}</a><button class="link" onClick={() => signOut().catch(setError)}>Sign out</button></span>
      </nav>
      <main key={here}>{page(hash, session)}</main>
    </>
  );
}

render(<App />, document.getElementById("app")!);
