"""A managed device as a SimPy process: its schedule, its absences, its two slots (model 5)."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Final

from sim.processes.clock import Clock, Moment, priority
from sim.world.calendar import Mask
from sim.world.certificates import NO_CERTIFICATE, Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose, stream, stream_of_pairs
from sim.world.fleet import Away, Fleet, Profile, Spells, Windows
from sim.world.order import Phase
from sim.world.server import Server

Life = Generator[Moment, None, None]

FAR_S: Final = 1 << 62
"""Later than any instant."""


NOT_YET: Final = -(1 << 62)
"""The last synchronization of a device that has had none."""


class Tally:
    """Running totals over the fleet, which the observer reads instead of asking every device.

    Attributes:
        last_sync_at_s: per device, instant of its last synchronization, or `NOT_YET`; int64.
        syncs: successful synchronizations of all devices.
        holders: devices that hold a certificate in either slot, by generation.
        lost: devices that are lost now.
    """

    def __init__(self, devices: int) -> None:
        self.last_sync_at_s = array("q", repeat(NOT_YET, devices))
        self.syncs = 0
        self.holders: Counter[int] = Counter()
        self.lost = 0


@dataclass(slots=True)
class Request:
    """One lost device's call for help, from the loss until it is helped or helps itself."""

    device: Device
    withdrawn: bool = False
    in_work: bool = False


class Device:
    """One device, and what happened to it.

    Instants are whole seconds from the start; None where the thing did not happen. The first loss is
    recorded in `lost_at_s` … `reconnected_by`; `times_lost` and `lost_for_s` count all (model 8).
    """

    def __init__(
        self, clock: Clock, server: Server, tally: Tally, fleet: Fleet, index: int, *, reserve_slot: int
    ) -> None:
        roster = fleet.roster
        self.clock = clock
        self.server = server
        self.tally = tally
        self.draws = fleet.draws
        self.index = index
        self.profile: Profile = roster.profiles[roster.profile[index]]
        self.identity = int(roster.identity[index])
        self.phase_s = int(fleet.phase_s[index])
        self.starts_on = bool(fleet.starts_on[index])
        self.first_spell_s = int(fleet.first_spell_s[index])
        self.starts_silent = bool(roster.silent[index])
        self.silent_for_s = int(roster.silent_for_s[index])
        self.masked: Windows = ()
        self.is_connected = not roster.never_connected[index]
        self.is_on = self.starts_on and self.is_connected
        self.is_called_on = False  # whether a push or a chase may concern it
        self.visits_at_s: set[int] = set()
        self.pushed_until_s = -1
        self.attempted_at_s = -1

        self.main_slot = NO_CERTIFICATE
        self.reserve_slot = NO_CERTIFICATE
        if self.is_connected:
            self._fill_slots(server.main.generation, reserve_slot)
        self.able = self.is_connected and self.accepts(server.main)
        self.is_lost = False
        self.lost_since_s = 0
        self.helped = False
        self.request: Request | None = None
        self.on_reconnect: Callable[[Device], None] | None = None

        self.received = self.reserve_slot
        self.received_at_s: int | None = None if self.reserve_slot == NO_CERTIFICATE else 0
        self.lost_at_s: int | None = None
        self.lost_cause: str | None = None
        self.noticed_at_s: int | None = None
        self.reconnected_at_s: int | None = None
        self.reconnected_by: str | None = None
        self.times_lost = 0
        self.lost_for_s = 0
        self.reinstalls = 0
        self.helpdesk_s = 0
        self.syncs = 0
        self.visits = 0
        self.visits_helped = 0
        self.unreachable = False
        self.unreachable_since_s: int | None = None
        self.unreachable_for_s = 0

    # --- the process -----------------------------------------------------------------------------

    def live(self) -> Life:
        """Wake at every attempt, and at every coming and going."""
        presence = self.profile.presence
        if not self.is_connected or presence == "never":
            return self._live_off()
        if isinstance(presence, Spells):
            return self._live_in_spells(
                self._durations(presence.on, Purpose.ON_SPELL),
                self._durations(presence.off, Purpose.OFF_SPELL),
            )
        if isinstance(presence, Away):
            return self._live_in_spells(iter(presence.on_s), iter(presence.off_s))
        if not self.masked:
            return self._live_always_on() if self.starts_on else self._live_off()
        self.first_spell_s = FAR_S
        return self._live_in_spells(iter(()), iter(()))

    def _live_off(self) -> Life:
        return
        yield  # a generator that never wakes

    def _live_always_on(self) -> Life:
        clock, in_turn = self.clock, priority(Phase.SYNC, self.index)
        attempt = self.take_turn if self.is_called_on else self.attempt
        for due_s, succeeds in zip(self._schedule(), self._successes(), strict=False):
            yield Moment(clock, due_s, in_turn)
            attempt(due_s, succeeds)

    def _live_in_spells(self, on_spells: Iterator[int], off_spells: Iterator[int]) -> Life:
        at, index = self.clock.at, self.index
        attempts = zip(self._schedule(), self._successes(), strict=False)
        due_s, succeeds = next(attempts)
        is_on_itself, turns_itself_s = self.starts_on, self.first_spell_s
        edges = chain.from_iterable(self.masked)  # masked from the first to the second, and so on
        edge_s, is_masked = next(edges, FAR_S), False
        if edge_s == 0:
            edge_s, is_masked = next(edges), True
        self.is_on = is_on_itself and not is_masked
        missed = self.starts_silent
        catch_ups = self._successes(Purpose.CATCH_UP_SUCCESS)
        while True:
            turns_s = min(turns_itself_s, edge_s)
            while self.is_on and due_s < turns_s:
                yield at(due_s, Phase.SYNC, index)
                self.take_turn(due_s, succeeds)
                due_s, succeeds = next(attempts)
            yield at(turns_s, Phase.PRESENCE, index)
            was_on, catch_up_succeeds = self.is_on, None
            if turns_s == turns_itself_s:
                is_on_itself = not is_on_itself
                turns_itself_s += next(on_spells if is_on_itself else off_spells)
                if is_on_itself:
                    catch_up_succeeds = next(catch_ups)
            if turns_s == edge_s:
                edge_s, is_masked = next(edges, FAR_S), not is_masked
            self.is_on = is_on_itself and not is_masked
            if self.is_on == was_on:
                continue
            if was_on:
                missed = False
                continue
            while due_s < turns_s:
                missed = True
                due_s, succeeds = next(attempts)
            is_pushed, self.pushed_until_s = self.pushed_until_s >= turns_s, -1
            if due_s == turns_s:
                continue
            if missed and self.profile.catch_up:
                if catch_up_succeeds is None:
                    catch_up_succeeds = self._succeeds(Purpose.CATCH_UP_AFTER_MASK, turns_s)
                yield at(turns_s, Phase.SYNC, index)
                self.take_turn(turns_s, catch_up_succeeds)
            elif is_pushed:
                yield at(turns_s, Phase.SYNC, index)
                self.take_turn(turns_s, self._succeeds(Purpose.PUSH_SUCCESS, turns_s))

    def _schedule(self) -> Iterator[int]:
        """Instants at which attempt 0, 1, 2, … is due: phase + k every + jitter (model 5.2)."""
        every_s, jitter_s = self.profile.every_s, self.profile.jitter_s
        if jitter_s == 0:
            return count(self.phase_s, every_s)
        jitters = stream(self.draws, self.identity, Purpose.JITTER)
        return (
            grid_s + int(u * (jitter_s + 1))
            for grid_s, u in zip(count(self.phase_s, every_s), jitters, strict=False)
        )

    def _successes(self, purpose: Purpose = Purpose.SUCCESS) -> Iterator[bool]:
        """Whether attempt 0, 1, 2, … would succeed, whoever is there to hear it (model 5.4)."""
        success = self.profile.success
        if success == 1.0:
            return repeat(True)
        return (u < success for u in stream(self.draws, self.identity, purpose))

    def _succeeds(self, purpose: Purpose, instant_s: int) -> bool:
        """Whether an attempt beside the schedule would succeed: a draw of its instant."""
        success = self.profile.success
        return success == 1.0 or self.draws.pair(self.identity, purpose, instant_s)[0] < success

    def _durations(self, distribution: Distribution, purpose: Purpose) -> Iterator[int]:
        return (distribution.draw(u, v) for u, v in stream_of_pairs(self.draws, self.identity, purpose))

    # --- what an operator can do (model 10) ------------------------------------------------------

    def take_turn(self, now_s: int, succeeds: bool) -> None:
        """Attempt now; a visit of this second takes its place (model 10.3)."""
        is_visit = now_s in self.visits_at_s
        if is_visit and self.attempted_at_s == now_s:
            return
        self.attempted_at_s = now_s
        if not is_visit:
            self.attempt(now_s, succeeds)
            return
        held = self.reserve_slot
        self.attempt(now_s, True)
        reserve = self.server.reserve
        self.visits_helped += reserve is not None and held != reserve.generation == self.reserve_slot

    def push(self, until_s: int) -> Life:
        """A message asks it to synchronize: now if it is on, else when it comes on, up to `until_s`."""
        now_s = self.clock.now
        yield self.clock.at(now_s, Phase.SYNC, self.index)
        yield self.clock.at(now_s, Phase.SYNC, self.index)  # behind its own attempts of this second
        if not self.is_on:
            self.pushed_until_s = max(self.pushed_until_s, until_s)
        elif self.attempted_at_s < now_s:
            self.take_turn(now_s, self._succeeds(Purpose.PUSH_SUCCESS, now_s))

    # --- one attempt (model 5.4) -----------------------------------------------------------------

    def attempt(self, now_s: int, succeeds: bool) -> None:
        """Try to synchronize now: unreachable, failed, refused or synced."""
        server = self.server
        main = server.main
        holds_it = main.generation == self.main_slot or main.generation == self.reserve_slot
        if holds_it:
            is_answered = server.answers_now
        else:
            address = server.address_dialled_with(self.main_slot, self.reserve_slot)
            is_answered = server.is_reachable_at(address)
        if not is_answered:
            self.unreachable = True
            if self.unreachable_since_s is None:
                self.unreachable_since_s = now_s
            return
        if self.unreachable_since_s is not None:
            self._reach(now_s)
        if not succeeds:
            return
        is_valid = main.not_before_s <= now_s < main.not_after_s
        if holds_it and is_valid and (not main.refused_by or self.accepts(main)):
            reserve = server.reserve
            if (
                main.generation == self.main_slot
                and (reserve is None or reserve.generation == self.reserve_slot)
                and not self.is_lost
            ):  # nothing changes: the usual case, kept short
                self.syncs += 1
                self.tally.syncs += 1
                self.tally.last_sync_at_s[self.index] = now_s
            else:
                self.synchronize(now_s)
        elif self.is_lost and self.reconnected_at_s is None and self.noticed_at_s is None:
            self.noticed_at_s = now_s

    def _reach(self, now_s: int) -> None:
        """An attempt reaches the server: a row of unreachable ones ends (model 8)."""
        if self.unreachable_since_s is not None:
            self.unreachable_for_s += now_s - self.unreachable_since_s
            self.unreachable_since_s = None

    def unreachable_for_s_at(self, end_s: int) -> int:
        """Seconds unreachable up to `end_s`."""
        since_s = self.unreachable_since_s
        return self.unreachable_for_s + (0 if since_s is None else end_s - since_s)

    def accepts(self, certificate: Certificate) -> bool:
        """Whether its platform does (model 5.6)."""
        return self.profile.judged_as not in certificate.refused_by

    def is_able(self) -> bool:
        """Whether the presented certificate would not be refused now (model 5.5)."""
        main = self.server.main
        holds_it = main.generation == self.main_slot or main.generation == self.reserve_slot
        return holds_it and main.is_valid_at(self.clock.now) and self.accepts(main)

    def synchronize(self, now_s: int) -> None:
        """The server accepted it: slots move, the reserve is received, a lost device is reconnected."""
        generation, reserve = self.server.main.generation, self.server.reserve
        if self.main_slot != generation:
            self._fill_slots(generation, NO_CERTIFICATE)
        if reserve is not None and self.reserve_slot != reserve.generation:
            self._receive_reserve(reserve.generation, now_s)
        self.syncs += 1
        self.tally.syncs += 1
        self.tally.last_sync_at_s[self.index] = now_s
        if self.is_lost:
            self._reconnect(now_s)

    def _receive_reserve(self, generation: int, now_s: int) -> None:
        self._fill_slots(self.main_slot, generation)
        if self.received != generation:
            self.received, self.received_at_s = generation, now_s

    def _fill_slots(self, main_slot: int, reserve_slot: int) -> None:
        self.tally.holders.subtract({self.main_slot, self.reserve_slot})
        self.main_slot, self.reserve_slot = main_slot, reserve_slot
        self.tally.holders.update({main_slot, reserve_slot})

    def _reconnect(self, now_s: int) -> None:
        if self.reconnected_at_s is None:
            self.reconnected_at_s = now_s
            self.reconnected_by = "reinstall" if self.helped else "sync"
        self.lost_for_s += now_s - self.lost_since_s
        self.is_lost = False
        self.tally.lost -= 1
        if self.on_reconnect is not None:
            self.on_reconnect(self)

    # --- what the server's switches do to it (model 5.5) -----------------------------------------

    def judge(self, cause: str) -> bool:
        """After a switch: note a loss; true if it is one."""
        was_able, self.able = self.able, self.is_able()
        if self.able or not was_able:
            return False
        now_s = self.clock.now
        self.times_lost += 1
        if self.lost_at_s is None:
            self.lost_at_s, self.lost_cause = now_s, cause
        if not self.is_lost:
            self.is_lost, self.lost_since_s = True, now_s
            self.tally.lost += 1
        self.helped = False
        return True

    def lost_for_s_at(self, end_s: int) -> int:
        """Seconds lost up to `end_s`, over all losses."""
        return self.lost_for_s + (end_s - self.lost_since_s if self.is_lost else 0)

    def reinstall(self) -> None:
        """The app is reinstalled: both slots hold what the server has; it syncs if it can (model 6.2)."""
        server, now_s = self.server, self.clock.now
        self.reinstalls += 1
        self.helped = True
        self._fill_slots(server.main.generation, NO_CERTIFICATE)
        if self.received not in server.specified_at_s:  # what it held from the start is gone
            self.received, self.received_at_s = NO_CERTIFICATE, None
        if server.reserve is not None:
            self._receive_reserve(server.reserve.generation, now_s)
        self.able = self.is_able()
        if self.able and server.is_reachable_at(server.main.address):
            self._reach(now_s)
            self.synchronize(now_s)


def masked_by(masks: Sequence[Mask], draws: Draws, identity: int) -> Windows:
    """When masks cover a device: apart, in order (model 12)."""
    covered: list[tuple[int, int]] = []
    for mask in masks:
        key = identity ^ mask.key
        if mask.share < 1.0 and draws.pair(key, Purpose(mask.purpose), mask.number)[0] >= mask.share:
            continue
        if covered and mask.from_s <= covered[-1][1]:
            covered[-1] = (covered[-1][0], max(covered[-1][1], mask.to_s))
        else:
            covered.append((mask.from_s, mask.to_s))
    return tuple(covered)
