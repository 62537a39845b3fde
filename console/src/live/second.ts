/** The second person's part of a request, and whether it is complete. */
import { me } from '@/api/session'
import type { Second } from '@/parts/SecondPerson.vue'

export function secondOf(second: Second): { second_login: string; second_password: string; phone: Second['phone'] } {
  return { second_login: second.login.trim(), second_password: second.password, phone: second.phone }
}

export function isComplete(second: Second): boolean {
  if (second.phone) return second.phone.user_id.trim() !== '' && second.phone.number.trim().length >= 5 && second.phone.phrase.trim().length >= 4
  return second.login.trim() !== '' && second.password !== '' && second.login.trim() !== me.value?.user.login
}
