//! A robot before a judge: what it reaches until it is asked, until it is stopped, and in all.

use std::collections::HashSet;

use super::{Judge, SIGNING_MILLISECONDS};
use crate::Answer;
use crate::simulator::event::{Account, Author, Event};
use crate::simulator::scenario::RobotScenario;
use crate::simulator::traffic::Traffic;

/// What one account yielded to a robot, in distinct patients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Yield {
    /// Answered before the first request for a signature (or the first wait); `None`: never asked.
    pub before_step_up: Option<u64>,
    /// Answered before the first stop of session or account; `None`: never stopped.
    pub before_stop: Option<u64>,
    /// Asked for before the first stop, answered or not.
    pub asked_before_stop: Option<u64>,
    /// Answered in all, over all days and sessions.
    pub reached: u64,
    /// Whether the account ended up stopped.
    pub account_stopped: bool,
    /// How often the owner was asked and signed.
    pub signed: u64,
}

#[derive(Default)]
struct Victim {
    outcome: Yield,
    answered: HashSet<u64>,
    asked: HashSet<u64>,
    patience: u32,
    robot_began: bool,
    busy_until: i64,
}

/// Lets a robot's traffic pass and says what each account yielded.
pub fn try_out(scenario: &RobotScenario, traffic: Traffic, judge: &mut dyn Judge) -> Vec<Yield> {
    let accounts = traffic.accounts().to_vec();
    let mut states: Vec<Victim> = Vec::new();
    states.resize_with(accounts.len(), || Victim {
        patience: scenario.patience,
        ..Victim::default()
    });
    for event in traffic {
        let place = usize::try_from(event.account).unwrap_or(usize::MAX);
        if let (Some(account), Some(state)) = (accounts.get(place), states.get_mut(place)) {
            state.take(scenario, account, event, judge);
        }
    }
    let taken = usize::try_from(scenario.accounts).unwrap_or(usize::MAX);
    states
        .into_iter()
        .take(taken)
        .map(|state| state.outcome)
        .collect()
}

impl Victim {
    fn take(
        &mut self,
        scenario: &RobotScenario,
        account: &Account,
        mut event: Event,
        judge: &mut dyn Judge,
    ) {
        let by_robot = event.author == Author::Robot;
        self.robot_began |= by_robot;
        if self.outcome.account_stopped {
            return;
        }
        event.at = event.at.max(self.busy_until);
        if by_robot {
            if scenario.informed && !judge.would_allow(account, &event) {
                return;
            }
            self.asked.insert(event.patient);
        }
        let mut answer = judge.judge(account, &event);
        if matches!(answer, Answer::StepUp | Answer::Slow { .. }) {
            answer = self.ask_person(account, &mut event, judge, answer);
        }
        if by_robot && answer == Answer::Allow {
            self.answered.insert(event.patient);
            self.outcome.reached = self.answered.len() as u64;
        }
        if self.robot_began && matches!(answer, Answer::StopSession | Answer::StopAccount) {
            self.outcome.before_stop.get_or_insert(self.outcome.reached);
            self.outcome
                .asked_before_stop
                .get_or_insert(self.asked.len() as u64);
            self.outcome.account_stopped |= answer == Answer::StopAccount;
        } else if answer == Answer::StopAccount {
            judge.lift(account, event.at);
        }
    }

    /// The prompt comes up where the card is. Nobody is there when a robot is alone; beside it, the
    /// owner signs as long as her patience lasts, since she can't tell whose look-up it is for.
    fn ask_person(
        &mut self,
        account: &Account,
        event: &mut Event,
        judge: &mut dyn Judge,
        answer: Answer,
    ) -> Answer {
        if self.robot_began {
            self.outcome
                .before_step_up
                .get_or_insert(self.outcome.reached);
            if self.patience == 0 {
                return answer;
            }
            self.patience -= 1;
            self.outcome.signed += 1;
        }
        let wait = match answer {
            Answer::Slow { wait } => i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4),
            _ => 0,
        };
        event.at += SIGNING_MILLISECONDS.max(wait);
        self.busy_until = event.at;
        judge.signed(account, event);
        judge.judge(account, event)
    }
}
