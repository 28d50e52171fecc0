// Seed phrases of wallets (BIP-39): 12 to 24 words in a row out of a list of 2,048. The list is made so that the first
// four letters tell a word, and those and its length are all that is kept of it here: 6 KB instead of 13. The checksum of a
// phrase is not looked at: a phrase with a slip of the pen is as worth a question.

/** The beginnings of the English words: two capital letters, then what follows them, two letters each (`.` for none), and the length of a word of more than four. */
const BEGINNINGS = `
  ABan7il7leou5ov5se6so6st8su6us5 ACce6ci8co7cu6hi7idou8qu7ro6t.ti6to5tr7tu6 ADap5d.di6dr7ju6mi5ul5va7vi6 AEro7
  AFfa6fo6ra6 AGai5e.en5re5 AHea5 AIm.r.rp7sl5 ALar5bu5co7er5ie5l.le5lo5mo6on5ph5re7sote5wa6 AMat7az7on5ou6us6
  ANal7ch6ci7ge5gl5gr5im6kl5no8nu6ot7sw6te7ti7xi7y. APar5ol7pe6pl5pr7ri5
  ARchct6eaen5gu5m.me5mo5myou6ra7re6ri6ro5t.te8ti6tw7 ASk.pe6sa7se5si6su6th6 AThl7omta6te6ti8tr7 AUct7di5gu6ntth6totu6
  AVer7oc7oi5 AWak5ar5ayes7fu5kw7 AXis BAbych8co5dg5g.la7lc7llmb6na6nn6r.re6rg7rr6sesi5sk6tt6
  BEac5anau6ca7co6effo6gi5ha6hi6li7lo5ltnc5ne7sttr6tt6tw7yo6 BIcy7d.kendol7rdrt5tt6
  BLac5ad5am5an7as5ea5es5in5oo5os7ou6ueurus5 BOar5atdyilmbnenu5okos5rd6ri6rr6sstt6un6x.y.
  BRac7ai5an5as5av5ea5ee6ic5id6ie5ig6in5is5oc8ok6on6oo5ot7ow5us5
  BUbb6dd5dg6ff7il5lblkll6nd6nk6rd6rg6rs5s.si8sytt6ye5zz
  CAbb7bi5bl5ct6gekelllmme6mpn.na5nc6nd5nn6no5nv6ny6pa7pi7pt7r.rb6rdrg5rp6rr5rtseshsi6st6su6t.ta7tc5te8tt6ug6us5ut7ve
  CEil7le6me6ns6nt7re6rt7 CHai5al5am8an6ao5ap7ar6as5atea5ec5ee6efer6es5ic7ie5il5im7oi6oo6ro7uc7un5ur5
  CIga5nn8rc6ti7tyvi5 CLai5apar7awayea5er5ev6ic5ie6if5im5in6ipoc5ogos5ot5ou5ow5ubum5us7ut6
  COac5as5co7deff6ilinll7lo5lu6mb7memf7mi5mm6mp7nc7nd7nf7ng8nn7ns8nt7nv8okolpp6pyra5rernrr7sttt6uc5un7up6ur6us6ve5yo6
  CRac5ad6af5aman5as5at6aw5az5ea5ed6ee5ewic7im5is5it6opos5ou6ow5uc7ue5ui6um7un6us5y.ys7
  CUbelt7p.pb8ri7rr7rt7rv5sh7st6te CYcl5 DAd.ma6mpnc5ng6ri6shug8wny.
  DEalba6br6ca6ce8ci6cl7co8cr8erfe7fi6fygr6la5li7ma6mi6ni6nt7nypa6pe6po7pt5pu6ri6sc8se6si6sksp7st7ta6te6ve7vi6vo6
  DIag7alam7ar5cees6etff6gi7gn7le7nn6no8re6rtsa8sc8se7shsm7so8sp7st8ve6vi6vo7zz5 DOct6cu8g.lllp7ma6na6nk6no5orseub6ve
  DRaf5ag6am5as7awea5es5if5il5in5ipiv5opumy. DUckmbneri6sttc5ty DWar5 DYna7 EAge5gl5rl5rnrt5si6stsy EChool7on7
  EDgeituc7 EFfo6 EGg. EIgh5th6 ELbo5de5ec8eg7em7ep8ev8it5se EMba6bo6br7er6ot7pl6po7pt5
  ENab6ac5d.dl7do7em5er6fo7ga6gi6ha7jo5li6ou6ri6ro6su6te5ti6tr5ve8 EPis7 EQua5ui5 ERa.as5od5os7ro5up5 ESca6sa5se7ta6
  ETer7hi6 EVid8ilok5ol6 EXac5am7ce6ch8ci6cl7cu6ec7er8ha7hi7il5is5itot6pa6pe6pi6pl7po6pr7te6tr5 EYe.eb7
  FAbr6cecu7dein5it5llls5memi6mo6n.nc5nt7rmsh7t.ta5th6ti7ul5vo8 FEat7br8de7e.edelma6nc5st8tc5ve5w.
  FIbe5ct7el5gu6lelmlt6na5ndneng6ni6rermrs5sc6sht.tn7x. FLagam5as5atav6eeig6ipoa5oc5oo5ow6ui5us5y.
  FOamcu5g.illdll6odotrc5re6rg6rkrt7ru5rw7ss6st6un5x. FRag7am5eq8es5ie6in6ogon5os5ow5oz6ui5 FUeln.nn5rn7rytu6
  GAdg6inla6ll7mep.ra6rb7rd6rl6rm7s.spteth6ug5ze GEne7ni6nr5nt6nu7st7 GHos5 GIan5ftgg6ng6ra7rlve
  GLadan6ar5as5id5im7ob5oo5or5ov5owue GOatdd7ldodos5ri7sp6ss6ve6wn GRabac5ai5an5ap5as5av7ea5ee5idie5itoc7ou5owun5
  GUar5es5id5il5it6n. GYm. HAbi5irlfmm6ms7ndpp5rb6rdrs5rv7t.vewkza6 HEadal6ar5av5dg8ig6ll5lm6lpn.ro HIdd6ghllntp.rest7
  HObb5ck6ldleli7ll6mene5odpernrr6rs5sp8stte5urve5 HUb.gema5mb6mo5nd7ng6ntrd6rr5rtsb7 HYbr6 ICe.on IDeaen8le IGno6
  ILl.le7ln7 IMag5it7me7mu6pa6po6pr7pu7
  INchcl7co6cr8de5di8do6du8fa6fl7fo6ha6he7it7je6ju6ma6ne5no8pu5qu7sa6se6si6sp7st7ta6te8tove6vi6vo7 IRon ISla6ol7su5
  ITem IVor5 JAck6gu6r.zz JEal7an5ll5we5 JOb.inkeur7y. JUdg5ic5mpng6ni6nkst KAng8 KEeneptc7y.
  KIckd.dn6ndng7sst.tc7tett6wi KNeeif5oc5ow LAb.be5bo5dd6dykempng8pt6rg5te5ti5ug5un7vaw.wnws7ye5zy
  LEad6afar5av5ct7ftg.ga5ge6is7mo5ndng6nsop7ss6tt6ve5 LIarbe7br7ce7feftgh5kembmi5nkonqu6sttt6veza6
  LOadanbs7ca5ckgi5ne6ngoptt7udun6veya5 LUck5gg7mb6na5nc5xu6 LYri6
  MAch7d.gi5gn6idilinjo5kemm6n.na6nd7ng5ns7nu6pl5rb6rc5rg6ri6rk6rr8skssst6tc5te8thtr6tt6xi7ze
  MEad6anas7atch8da5di5lo6ltmb6mo6nt7nurc5rg5ri5rr5shss7ta5th6 MIdd6dn8lkll7mi5ndni7no5nu6ra7rr6se6ssst7x.xe5xt7
  MObi6de5di6m.me6ni7nk6ns7nt5onra5rern7sq8th6ti6to5un8us5vevi5 MUchff6lelt8sc6se6sh8si5sttu6 MYse6st7th
  NAiv5mepk6rr6st5ti6tu6 NEarckedga8gl7it7ph6rv5stt.tw7ut7ve5wsxt NIcegh5 NObl5is5mi7od6rm6rt5seta7teth7ti6ve5w.
  NUcl7mb6rs5t. OAk. OBeyje6li6sc7se7ta6vi7 OCcu5ea5to7 ODor OFf.fe5fi6te5 OIl. OKay OLd.iv5ym7 OMit ONcee.io5li6ly
  OPener5in7po6ti6 ORan6bi5ch7de5di8ga5ie6ig8ph6 OStr7 OThe5 OUtd7te5tp6ts7 OValener OWn.ne5 OXyg6 OYst6 OZon5
  PActdd6geirla6lmnd5ne5ni5nt7pe5ra6re6rkrr6rt5sstc5thti7tr6tt7us5veym7 PEac5an6aras7li7n.na7nc6op6pp6rf7rm6rs6t.
  PHon5ot5ra6ys8 PIan5cn6ct7ec5g.ge6lllo5nkon7pest6tc5zz5 PLac5an6as7at5ayea6ed6uc5ugun6
  POemetin5la5leli6ndnyolpu7rt7si8ss8stta6tt7ve7wd6we5
  PRac8ai6ed7ef6ep7es7et6ev7ic5id5im7in5io8is6iv7iz5ob7oc7od7of6og7oj7om7oo5op8os7ot7ou5ov7
  PUbl6dd7lllpls5mp7nc5pi5pp5rc8ri6rp7rs5sht.zz6 PYra7 QUal7an7ar7es8ic5itizot5
  RAbb6cc7ceckda5di5ilinis5ll5mpnc5nd6ng5pi5reteth6ve5w.zo5
  REad5alas6be5bu7ca6ce7ci6co6cy7du6fl7fo6fu6gi6gr6gu7je6la5le7li6lyma6me8mi6mo6nd6ne5ntop6pa6pe6pl7po6qu7sc6se8si6so8sp8su6ti6tr7tu6un7ve6vi6wa6
  RHyt6 RIb.bb6cechdedg5fl5gh5gi5ngotpp6sktu6va5ve5 ROadas5bo5bu6ck6ma7ofok6omseta6ug5un5ut5ya5 RUbb6deg.len.nw6ra5
  SAd.dd6dn7feilla5lm6lo5ltlu6memp6ndti7to7uc5us7vey. SCal5anar5at7en5he6ho6ie7is8or8ou5ra5re6ri6ru5
  SEa.ar6as6atco6cr6ct7cu8edekgm7le6llmi7ni6ns5nt8ri6rv7ss7tt6tu5ve5
  SHad6af5al7ar5edel5er7ie6if5in5ipiv6oc5oeoo5opor5ou8ov5ri6ru5uf7y.
  SIbl7ckdeeg5gh5gnle6lkll5lv6mi7mp6nc5ngre5st6tu7x.ze SKat5et6i.il5inir5ul5 SLabamee5en7ic5id5ig6imog6otowus5
  SMal5ar5il5ok5oo6 SNac5ak5apif5ow SOapcc6ci6ckdaftla5ld7li5lu8lv5me7ngonrr5rtulun5upur6ut5
  SPac5ar5at7aw5ea5ec7ee5el5en5he6ic5id6ik5inir6li5oi5on7oo5or5otra5re6ri6y. SQua6ue7ui8
  STab6ad7af5ag5ai6am5an5ar5at5ayea5ee5emeper6ic5il5in5oc5om7on5oo5or5ov5ra8re6ri6ro6ru8ud7uf5um7yl5
  SUbj7bm6bw6cc7chdd6ff6ga5gg7itmm6n.nn5ns6pe5pp6pr7rerf7rg5rp8rr8rv6sp7st7 SWal7am5apar5ea5ee5if5imin5it6or5
  SYmb6mp7ru5st6 TAbl5ck6g.ille6lknkperg6skst5tt6xi TEac5amlln.na6nn6ntrmstxt
  THan5atem5eneo6er5eyin5isou7re5ri6ro5um5un7 TIck6dege5ltmb6menyp.re5ss6tl5
  TOas5ba7da5dd7e.ge8il6ke5ma6mo8neng6ni7olot5p.pi5pp6rc5rn7rt8ssta5ur7wa6we5wny.
  TRac5ad5af7ag6ai5an8apas5av6ayea5eeen5ia5ib5ic5ig7imipop6ou7uc5ueul5um7us5ut5y. TUbeit7mb6nann6rk6rnrt6
  TWel6en6ic5inis5o. TYpepi7 UGly UMbr8 UNab6aw7cl5co7de5dofa6fo6ha7if7iq6itiv8kn7lo6ti5us7ve6 UPda6gr7ho6onpe5se5
  URba5ge USag5e.edef6el7ua5 UTil7 VAca6cu6gu5li5ll6lv5n.ni6po5ri7stul5 VEhi7lv6nd6nt7nu5rbri6rs7ryss6te7
  VIab6br7ci7ct7de5ewll7nt7ol6rt7ru5sasi5su6ta5vi5 VOca5ic5idlc7lu6teya6 WAgego5itlkllln6ntrf7rmrr7shspst5te5vey.
  WEal6ap6aras6at7b.dd7ek7ir5lc7stt. WHal5atea5ee5ener5ipis7 WIdedt5feldlln.nd6nengnknn6nt6resd6seshtn7
  WOlfma5nd6odolrdrkrl5rr5rt5 WRapec5es7is5it5on5 YArd YEarll6 YOu.un5ut5 ZEbr5ro ZOneo.
`;

/** First four letters and length of each word. */
const known = new Set(
  [...BEGINNINGS.matchAll(/([A-Z]{2})([a-z.\d]+)/g)].flatMap(([, start = '', ends = '']) =>
    [...ends.matchAll(/([a-z])([a-z.])(\d?)/g)].map(([, third = '', fourth = '', length = '']) => {
      const beginning = start.toLowerCase() + third + fourth.replace('.', '');
      return `${beginning}${length || beginning.length}`;
    }),
  ),
);
const LENGTHS = new Set([12, 15, 18, 21, 24]);
/** What may stand between two words of one phrase: spaces, line ends, commas, quotes, numbers of a list. */
const BETWEEN = /^(?:[\s,;"'|*_`-]|\d[.):\]]?){1,24}$/;
const NAMED = /seed|mnemonic|recovery|passphrase|backup|wallet/i;
/** So far in front of a phrase its name may stand. */
const NAMED_CHARS = 80;

const isWord = (word: string) => known.has(`${word.slice(0, 4)}${word.length}`);

/** An empty line ends a phrase, but not a numbered list. */
const isBetween = (gap: string) => BETWEEN.test(gap) && (!/\n\s*\n/.test(gap) || /\d/.test(gap));

/** Twelve words or more that could be of the list by their length, with nothing but that between them: most texts have none. */
const CANDIDATES = /(?<![A-Za-z])[A-Za-z]{3,8}(?:[\s,;"'|*_`\-\d.):\]]{1,24}[A-Za-z]{3,8}){11,}(?![A-Za-z])/g;

/** Whether a text holds 12, 15, 18, 21 or 24 such words in a row and no more; of any number from 12 to 24 when it is called a seed. */
export function holdsSeedPhrase(text: string): boolean {
  for (const { 0: part, index } of text.matchAll(CANDIDATES)) {
    if (holdsPhrase(part, text.slice(Math.max(0, index - NAMED_CHARS), index))) return true;
  }
  return false;
}

function holdsPhrase(text: string, before: string): boolean {
  let run: string[] = [];
  let [start, end] = [0, 0];
  const isPhrase = () => {
    if (run.length < 12 || run.length > 26) return false;
    // A list in alphabetical order is a list, and one of the same few words is a pattern.
    if (new Set(run).size < run.length - 3 || run.every((word, i) => i === 0 || word >= (run[i - 1] ?? '')))
      return false;
    return LENGTHS.has(run.length) || NAMED.test((before + text.slice(0, start)).slice(-NAMED_CHARS));
  };
  for (const { 0: word, index } of text.matchAll(/[A-Za-z]+/g)) {
    const lower = word.toLowerCase();
    const goesOn = run.length > 0 && isBetween(text.slice(end, Math.min(index, end + 30)));
    // Phrases are written in one case throughout, or with a capital first.
    const fits = isWord(lower) && (word === lower || word === word.toUpperCase() || /^[A-Z][a-z]+$/.test(word));
    if (!goesOn || !fits) {
      if (isPhrase()) return true;
      run = [];
      start = index;
    }
    if (fits) run.push(lower);
    end = index + word.length;
  }
  return isPhrase();
}
