// SPDX-License-Identifier: Apache-2.0
import { Session, signIn } from "../api";
import { Problem, useAction } from "../parts";

export function SignInPage({ onSignedIn }: { onSignedIn: (s: Session) => void }) {
  const { busy, error, act } = useAction();
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    act(async () => onSignedIn(await signIn(String(form.get("name")), String(form.get("password")))));
  };
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <img src="/console/icon.svg" alt="" width="44" height="44" />
        <h1>Reeve</h1>
        <label>Name<input name="name" autocomplete="username" value="admin" required /></label>
        <label>Password<input name="password" type="password" autocomplete="current-password" required autofocus /></label>
        <Problem error={error} />
        <button class="primary" disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
      </form>
    </main>
  );
}
