import { ask } from "../../src/control/client.ts";
import type { Health } from "../../src/daemon/overview.ts";
import type { FaultCode } from "../../src/errors.ts";
import { eventually } from "./eventually.ts";
import { UnrulyDisk } from "./unruly-disk.ts";
import { type Ran, Workspace } from "./workspace.ts";

/** A daemon on a disk that can be made to misbehave. */
export class Patient {
  static readonly #all: Workspace[] = [];
  readonly workspace: Workspace;
  readonly disk: UnrulyDisk;

  private constructor(workspace: Workspace) {
    this.workspace = workspace;
    this.disk = new UnrulyDisk(workspace);
  }

  /** One whose daemon is still to be started. */
  static async expect(): Promise<Patient> {
    const workspace = await Workspace.create({ repos: { a: {}, b: {} }, rescan: "1s" });
    Patient.#all.push(workspace);
    for (const name of ["a", "b"]) await workspace.save(name, `state of ${name}\n`);
    return new Patient(workspace);
  }

  /** One whose daemon has proved itself. */
  static async admit(): Promise<Patient> {
    const patient = await Patient.expect();
    await patient.workspace.startDaemon({ env: patient.disk.env });
    await patient.isProvenAfter("");
    return patient;
  }

  static async dismissAll(this: void): Promise<void> {
    await Promise.all(Patient.#all.map((workspace) => workspace.dispose()));
  }

  async health(): Promise<Health> {
    const { paths } = this.workspace;
    return (await ask(paths, { method: "GET", path: "/healthz", timeoutMs: 2_000 })) as Health;
  }

  async isProvenAfter(moment: string): Promise<void> {
    await eventually(
      "a proof",
      async () => {
        const { ok, provenAt } = await this.health();
        return ok && (provenAt ?? "") > moment;
      },
      30_000,
    );
  }

  /** Waits until a monitor finds the illness out, and asks what a person is told then. */
  async isFoundOut(code: FaultCode): Promise<Ran & { readonly problem: string }> {
    const { message, remedy } = await eventually(
      `the daemon to find out that ${code}`,
      async () => {
        const { ok, problem } = await this.health();
        return !ok && problem?.code === code ? problem : undefined;
      },
      30_000,
    );
    return { ...(await this.workspace.run(["status"])), problem: `${code} ${message}\n  ${remedy}` };
  }

  /** Waits for a proof that is younger than this moment. */
  async recovers(): Promise<void> {
    await this.isProvenAfter(new Date().toISOString());
    await this.workspace.healthy(30_000);
  }
}
