// All pages work without this: it unfolds a whole tree at once, and puts "/" to the search.
for (const button of document.querySelectorAll("button.unfold")) {
  const branches = button.closest("section").querySelectorAll("details");
  button.hidden = branches.length < 2;
  const isFolded = () => [...branches].some((branch) => !branch.open);
  const say = () => { button.textContent = isFolded() ? "Unfold all" : "Fold all"; };
  say();
  button.addEventListener("click", () => {
    const open = isFolded();
    for (const branch of branches) branch.open = open;
    say();
  });
}

document.addEventListener("keydown", (event) => {
  const search = document.querySelector(".find input");
  if (!search || event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea")) return;
  event.preventDefault();
  search.focus();
});
