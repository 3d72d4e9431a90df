# Whom the environment may write to. Staging with a copy of production's users must not send them anything, so an
# environment that does not say `production = true` has to name its recipients, and the functions send nothing without.

variable "production" {
  description = "Whether this environment writes to anyone. Every other one needs `recipients`."
  type        = bool
  default     = false
  nullable    = false
}

variable "recipients" {
  description = "Whom an environment that is not production may write to, and what becomes of messages to anybody else. `allow`: @domain, e-mail addresses, phone numbers (E.164), and id:, cio_id:, anonymous_id:, device: and broadcast: with a name, in which * stands for anything. `otherwise`: hold (a dead letter with reason guarded, which an operator can release), redirect (e-mails, SMS and WhatsApp go to `redirect_to`; the rest is held) or drop."
  type = object({
    allow       = list(string)
    otherwise   = optional(string, "hold")
    redirect_to = optional(object({ email = optional(string), phone = optional(string) }))
  })
  default = null

  validation {
    condition     = var.production || var.recipients != null
    error_message = "Say whom this environment may write to, such as { allow = [\"@acme.example\", \"id:test-*\"] }. Or set production = true: it writes to anyone."
  }

  validation {
    condition     = !var.production || var.recipients == null
    error_message = "production = true writes to anyone. Remove `recipients`, or set production = false."
  }

  validation {
    condition = alltrue([
      for rule in try(var.recipients.allow, []) :
      can(regex("^(@[^@\\s,;:<>*]+|[^@\\s,;:<>*+][^@\\s,;:<>*]*@[^@\\s,;:<>*]+|\\+[1-9][0-9]{1,14}|(id|cio_id|anonymous_id|device|broadcast):.+)$", rule))
    ])
    error_message = "An entry of `allow` is @domain, an e-mail address, a phone number such as +4915112345678, or id:, cio_id:, anonymous_id:, device: or broadcast: with a name. Only names take *."
  }

  validation {
    condition     = var.recipients == null ? true : contains(["hold", "redirect", "drop"], var.recipients.otherwise)
    error_message = "`otherwise` is hold, redirect or drop."
  }

  validation {
    condition = var.recipients == null ? true : (var.recipients.otherwise == "redirect") == (
      try(coalesce(var.recipients.redirect_to.email, var.recipients.redirect_to.phone), null) != null
    )
    error_message = "`otherwise = \"redirect\"` needs `redirect_to` with email, phone or both, and nothing else takes it."
  }
}

locals {
  # The probe's person has no address: nobody can be written to by it.
  recipients = var.production ? "anyone" : jsonencode(merge(
    {
      allow     = concat(try(var.recipients.allow, []), var.probe.enabled ? ["id:cio-gcp-probe"] : [])
      otherwise = try(var.recipients.otherwise, "hold")
    },
    try(var.recipients.redirect_to, null) == null ? {} : {
      redirect_to = { for channel, address in var.recipients.redirect_to : channel => address if address != null }
    },
  ))
}
