/** What waits for the signed-in person in one meeting, found through what the appliance lets him do now. */
import { api } from './api/client';
import type { MeetingSummary, Resolution } from './api/types';
import { path } from './routes';

export interface Task {
  kind: 'vote' | 'sign' | 'seal' | 'meeting';
  about: string;
  href: string;
}

export async function tasksOf(summary: MeetingSummary): Promise<Task[]> {
  const whole: Task = { kind: 'meeting', about: summary.title, href: path.meeting(summary.id) };
  try {
    const meeting = await api.meeting(summary.id);
    const open = meeting.items.flatMap((item) => item.votes).filter((vote) => vote.state === 'open');
    const unsealed = meeting.items.flatMap((item) => item.resolution ?? []).filter((resolution) => resolution.state !== 'sealed');
    const found = (await Promise.all([...open.map(({ id }) => ofVote(id)), ...unsealed.map(({ id }) => ofResolution(id))])).flat();
    return found.length > 0 ? found : [whole];
  } catch {
    // The list itself is more use than an error about its details.
    return [whole];
  }
}

/** What waits for the clerk, who sees Resolutions and no meetings. */
export const tasksOn = (resolutions: readonly Resolution[]): Task[] => resolutions.flatMap(onResolution);

async function ofVote(id: string): Promise<Task[]> {
  const vote = await api.vote(id);
  const waits = vote.actions.includes('cast-ballot') && vote.mine.ballot === null;
  return waits ? [{ kind: 'vote', about: vote.question, href: path.vote(id) }] : [];
}

async function ofResolution(id: string): Promise<Task[]> {
  return onResolution(await api.resolution(id));
}

function onResolution(resolution: Resolution): Task[] {
  const kind = resolution.actions.includes('sign-resolution') ? 'sign' : resolution.actions.includes('seal-resolution') ? 'seal' : null;
  return kind === null ? [] : [{ kind, about: resolution.title, href: path.resolution(resolution.id) }];
}
